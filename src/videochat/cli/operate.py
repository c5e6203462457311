"""`videochat doctor`, `migrate` and `config`: look after an installation."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr

from videochat import __version__
from videochat.app import App, open_app
from videochat.cli.terminal import quiet_settings, run
from videochat.errors import VideoChatError
from videochat.jobs.roster import alive_workers
from videochat.ops.gpu import DRIVER, gpu_is_usable, gpus
from videochat.passages.embedder import HARMLESS, Embedder, vectors_of
from videochat.plugins import Plugin, PluginError, installed, strangers
from videochat.settings import Settings, load_settings
from videochat.store.migrate import migrate as migrate_database
from videochat.store.reporter import SHARED
from videochat.transcripts.choose import EngineDescription
from videochat.web.page import FOLDER as PAGE
from videochat.web.server import create_api

config = typer.Typer(no_args_is_help=True, help="Look at the settings.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_PASSWORD = re.compile(r"(://[^/:@]*:)[^/@]+(@)")  # in an address
LOW_DISK_BYTES = 2 * 1024**3
OLD_DAYS = 90  # sites change faster
PATIENCE_SECONDS = 20.0  # for an embedder, which may have to load its model first


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that doctor looked at. A `problem` makes the exit status 1, a `hint` does not."""

    name: str
    status: str
    detail: str


def doctor(as_json: AsJson = False) -> None:
    """Check this installation and say what to do about what is wrong."""
    findings = run(_examine(quiet_settings()))
    if as_json:
        typer.echo(json.dumps([{"name": f.name, "status": f.status, "detail": f.detail} for f in findings]))
    else:
        for finding in findings:
            typer.echo(f"{finding.status:8} {finding.name:12} {finding.detail}")
    raise typer.Exit(1 if any(finding.status == "problem" for finding in findings) else 0)


def migrate() -> None:
    """Bring the database to the newest form; serve and worker do it by themselves."""
    settings = quiet_settings()
    run(migrate_database(settings.database_url))
    typer.echo("The database is up to date.")


@config.command("show")
def show(as_json: AsJson = False) -> None:
    """Print every setting with its value; secrets are never shown."""
    values = dict(_flat(load_settings()))  # as configured: commands that people watch log less
    if as_json:
        typer.echo(json.dumps(values, indent=2))
    else:
        for name, value in values.items():
            typer.echo(f"{name} = {value}")


def _flat(section: BaseModel, prefix: str = "") -> list[tuple[str, Any]]:
    values: list[tuple[str, Any]] = []
    for name in type(section).model_fields:
        value, full = getattr(section, name), f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            values += _flat(value, f"{full}__")
        elif isinstance(value, SecretStr):
            values.append((full, "(set)"))
        elif isinstance(value, list) and any(isinstance(one, SecretStr) for one in value):
            values.append((full, f"({len(value)} set)"))
        else:
            plain = value is None or isinstance(value, bool | int | float | list)
            values.append((full, value if plain else _PASSWORD.sub(r"\1…\2", str(value))))
    return values


async def _examine(settings: Settings) -> list[Finding]:
    findings = [Finding("version", "ok", f"VideoChat {__version__}, Python {sys.version.split()[0]}")]
    try:
        async with open_app(settings) as app:
            findings += await _examine_app(app)
    except VideoChatError as error:
        findings.append(Finding("start", "problem", error.message))
    return findings + [_plugin(plugin) for plugin in strangers()]


def _plugin(plugin: Plugin) -> Finding:
    """Judge what somebody installed: what the settings choose and is broken has kept the App from opening above."""
    if installed(plugin.group)[plugin.name] != plugin:
        return Finding("plugin", "hint", f"{plugin} is never used: the name is taken.")
    try:
        plugin.load()
    except PluginError as error:
        return Finding("plugin", "hint", error.message)
    return Finding("plugin", "ok", str(plugin))


async def _examine_app(app: App) -> list[Finding]:
    create_api(app)  # raises what would keep `serve` from starting
    engine = app.chooser.describe(app.settings.stt)
    provider = app.answers.provider
    meaning = app.passages.meaning
    workers = len(await alive_workers(app.database, app.settings.jobs))
    page_built = (PAGE / "index.html").is_file()
    return [
        await _ping("database", app.database.ping(), app.database.dialect),
        *_shared(await app.reporter.strangers()),
        await _ping("blobs", app.blobs.ping(), app.settings.storage_url.split(":")[0]),
        _disk(app.settings),
        _speech(engine),
        *_gpu(app.settings.stt.device),
        _answers(provider.name, provider.model),
        *([] if meaning is None else [await _meaning(meaning.embedder)]),
        _links(_installed("yt-dlp"), datetime.now(UTC).date()),
        Finding(
            "workers",
            "ok" if workers else "hint",
            f"{workers} alive" if workers else "none; `videochat serve` starts one",
        ),
        Finding("page", "ok" if page_built else "hint", "built" if page_built else "not built; `make page` builds it"),
    ]


async def _ping(name: str, ping: Any, detail: str) -> Finding:
    try:
        await ping
    except VideoChatError as error:
        return Finding(name, "problem", error.message)
    return Finding(name, "ok", detail)


def _shared(machines: set[str]) -> list[Finding]:
    """Judge whether several machines use what only one may; containers of one machine, which may, look the same."""
    return [Finding("database", "hint", f"used by {', '.join(sorted(machines))}. {SHARED}")] if machines else []


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    status = "ok" if free > LOW_DISK_BYTES else "hint"
    return Finding("disk", status, f"{free / 1024**3:.1f} GiB free in {settings.data_dir}")


def _speech(engine: EngineDescription) -> Finding:
    """Judge what would listen: an engine that cannot be used fails every job, the others only ask for a better one."""
    status = "problem" if engine.hint_code == "unusable" else "hint" if engine.hint else "ok"
    return Finding("speech", status, f"{engine.name} ({engine.model}). {engine.hint or ''}".strip())


def _gpu(device: str) -> list[Finding]:
    """Judge whether an NVIDIA GPU, where there is one, can be used."""
    if device == "cpu" or not DRIVER.exists():
        return []
    if gpu_is_usable():
        return [Finding("gpu", "ok", f"{len(gpus()) or 'unknown'} of NVIDIA, with cuBLAS")]
    status = "problem" if device == "cuda" else "hint"
    return [Finding("gpu", status, "An NVIDIA GPU is not used: cuBLAS 12 is missing. Install videochat[cuda].")]


def _answers(name: str, model: str | None) -> Finding:
    if model is None:
        return Finding(
            "answers",
            "hint",
            f"{name}: quotes passages. For written answers set AI__API_KEY (and AI__BASE_URL, AI__MODEL).",
        )
    return Finding("answers", "ok", f"{name} ({model})")


async def _meaning(embedder: Embedder) -> Finding:
    """Judge whether the embedder answers: as long as it does not, nothing new can be found by its meaning."""
    named = f"{embedder.name} ({embedder.model})"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await vectors_of(embedder, [HARMLESS])
    except VideoChatError as error:
        return Finding("meaning", "problem", f"{named}. {error.message}")
    except TimeoutError:
        return Finding(
            "meaning", "problem", f"{named}. The embedder does not answer within {PATIENCE_SECONDS:g} seconds."
        )
    return Finding("meaning", "ok", f"{named}, answers")


def _installed(package: str) -> str | None:
    """Return the version of a package without importing it, which would take a while."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _links(ytdlp: str | None, today: date) -> Finding:
    """Judge what fetches links by its age: its versions are the days on which they were made."""
    if ytdlp is None:
        return Finding("links", "hint", "yt-dlp is missing, so no link can be fetched: `pip install yt-dlp`.")
    try:
        year, month, day = map(int, ytdlp.split(".")[:3])
        days = max(0, (today - date(year, month, day)).days)
    except ValueError:  # somebody's own build
        return Finding("links", "ok", f"yt-dlp {ytdlp}")
    age = f"yt-dlp {ytdlp}, {days} day{'' if days == 1 else 's'} old"
    if days > OLD_DAYS:
        return Finding("links", "hint", f"{age}. Sites have changed since: `pip install --upgrade yt-dlp`.")
    return Finding("links", "ok", age)

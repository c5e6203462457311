"""For those who look after the service: its settings, how it is and how it was."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from videochat.app import App
from videochat.jobs.roster import members
from videochat.ops import logbook
from videochat.ops.history import MOST_POINTS, machines_of, network_of, series
from videochat.ops.live import SETTINGS, Setting
from videochat.ops.logbook import Position, Wanted
from videochat.ops.logfile import Bounds
from videochat.settings import SECTIONS, Settings
from videochat.store.overrides import Override
from videochat.store.reports import Report
from videochat.web.bodies import ListOut
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.ops_bodies import (
    LogsOut,
    ResourcesOut,
    SettingIn,
    SettingOut,
    SettingsOut,
    SummaryOut,
    WorkerOut,
)

router = APIRouter(tags=["ops"], prefix="/api/ops")

DEFAULTS = Settings.model_construct()


def _wanted(
    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"] | None, Query(description="This level or worse.")
    ] = None,
    since: Annotated[datetime | None, Query(description="Not older; without a time zone it is UTC.")] = None,
    until: Annotated[datetime | None, Query(description="Not newer.")] = None,
    request: Annotated[str | None, Query(description="Lines of the request with this id.")] = None,
    job: Annotated[str | None, Query(description="Lines of this job.")] = None,
    text: Annotated[str | None, Query(max_length=200, description="Lines with this text anywhere in them.")] = None,
) -> Wanted:
    return Wanted(level, _in_utc(since), _in_utc(until), request, job, text)


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


@router.get("/settings", response_model=SettingsOut)
async def list_settings(app: TheApp) -> dict[str, object]:
    """Return every setting: its value, where it comes from, and whether it can change while the service runs."""
    changed = {override.name: override for override in await app.keeper.overrides()}
    items = [_described(app, setting, changed.get(name)) for name, setting in SETTINGS.items()]
    refused = [asdict(one) for one in app.keeper.refused]
    return {"items": items, "waiting": app.live.waiting, "refused": refused}


@router.put("/settings/{name}", response_model=SettingOut)
async def change_setting(app: TheApp, actor: TheActor, name: str, wanted: SettingIn) -> dict[str, object]:
    """Change a setting in all processes at once; it stays changed until it is reset."""
    await app.keeper.change(actor, name, wanted.value)
    return await _described_now(app, name)


@router.delete("/settings/{name}", response_model=SettingOut)
async def reset_setting(app: TheApp, actor: TheActor, name: str) -> dict[str, object]:
    """Let a setting be again what its source says."""
    await app.keeper.reset(actor, name)
    return await _described_now(app, name)


async def _described_now(app: App, name: str) -> dict[str, object]:
    changed = {override.name: override for override in await app.keeper.overrides()}
    return _described(app, SETTINGS[name], changed.get(name))


def _described(app: App, setting: Setting, changed: Override | None) -> dict[str, object]:
    value = setting.of(app.settings)
    configured = setting.of(app.keeper.configured) != setting.of(DEFAULTS)
    return {
        "name": setting.name,
        "value": None if setting.secret else value,
        "is_set": value is not None and value != [],
        "source": "changed" if changed else "configured" if configured else "default",
        "reloadable": setting.reloadable,
        "secret": setting.secret,
        "description": setting.info.description or "",
        "form": _form(setting),
        "changed_at": changed and changed.changed_at.isoformat(),
        "changed_by": changed and changed.changed_by,
    }


@cache  # a schema takes a millisecond to make, and never changes
def _schema(section: str) -> dict[str, Any]:
    return SECTIONS[section].model_json_schema()


def _form(setting: Setting) -> dict[str, Any]:
    schema: dict[str, Any] = _schema(setting.section)["properties"][setting.field]
    return {name: value for name, value in schema.items() if name not in {"description", "title", "reloadable"}}


@router.get("/metrics/summary", response_model=SummaryOut)
async def summary(
    app: TheApp, minutes: Annotated[float, Query(gt=0, le=1440, description="How far back.")] = 60
) -> dict[str, object]:
    """Return how the whole installation was: traffic, latency, work and machines, up to 240 moments of the last day."""
    return {"moments": series(await app.reporter.points(minutes * 60, MOST_POINTS))}


@router.get("/resources", response_model=ResourcesOut)
async def resources(app: TheApp) -> dict[str, object]:
    """Return what each process and each machine uses now."""
    reports = await app.reporter.processes()
    machines: dict[str, dict[str, float]] = {}
    network: dict[str, dict[str, float]] = {}
    free: dict[str, float] = {}
    for report in reports:
        machines |= machines_of(report.totals)
        network |= network_of(report.totals)
        free |= {host: size for (host,), (size,) in report.totals.get("videochat_disk_free_bytes", {}).items()}
    return {
        "processes": [_process(report) for report in reports],
        "machines": machines,
        "network_bytes_per_second": network,
        "disk_free_bytes": free,
    }


def _process(report: Report) -> dict[str, object]:
    def own(name: str) -> float:
        return report.totals.get(f"videochat_process_{name}", {}).get((report.process,), (0.0,))[0]

    return {
        "process": report.process,
        "started_at": report.started_at.isoformat(),
        "at": report.at.isoformat(),
        "memory_bytes": own("memory_bytes"),
        "cpu_seconds": own("cpu_used_seconds"),
        "handles": own("handles"),
        "tasks": own("tasks"),
    }


@router.get("/workers", response_model=ListOut[WorkerOut])
async def workers(app: TheApp) -> dict[str, object]:
    """Return the workers of all machines, and what each works on."""
    return {"items": [member.as_json() for member in await members(app.database, app.settings.jobs)], "next": None}


@router.get("/logs", response_model=LogsOut)
async def logs(
    app: TheApp,
    wanted: Annotated[Wanted, Depends(_wanted)],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[str | None, Query(description="`before` of the answer with the newer lines.")] = None,
) -> dict[str, object]:
    """Return what the processes of this machine wrote into their log files, newest first."""
    start = None if before is None else Position.parse(before)
    found = await asyncio.to_thread(logbook.read, Bounds.of(app.settings).folder, wanted, limit, start)
    return {"items": found.lines, "before": found.before and str(found.before), "complete": found.complete}

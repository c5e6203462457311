"""What can be configured: one tree, read once by the composition root and passed in.

Sources, strongest first: arguments, environment, `.env`, the folder of secrets, `videochat.toml`. Nested names use `__`
(STT__ENGINE). A field marked `reloadable` is one that a running service takes up (`ops/live.py`); the others need a restart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.config import JsonDict
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from videochat.errors import ConfigurationError

MIB = 1024**2
GIB = 1024**3
TYPO = 0.85  # how like a setting's name one in .env must be to be meant as it
RELOADABLE: JsonDict = {"reloadable": True}


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ServerSettings(Section):
    host: str = Field(
        "127.0.0.1", description="Address to listen on. Without access control only a loopback address is accepted."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    cors_origins: list[str] = Field([], description="Origins of other pages that may call the API.")
    allowed_hosts: list[str] = Field(
        [], description="Host names accepted beside loopback names, for a reverse proxy on this machine."
    )
    max_upload_bytes: int = Field(
        20 * GIB, ge=1, description="Largest file that is accepted, in bytes.", json_schema_extra=RELOADABLE
    )


class DatabaseSettings(Section):
    url: str | None = Field(
        None, description="sqlite:///path or postgresql://user:password@host/name. Default: SQLite in DATA_DIR."
    )
    pool_size: int = Field(10, ge=1, description="Connections kept per process (PostgreSQL).")


class StorageSettings(Section):
    url: str | None = Field(
        None,
        description="Where blobs are kept: file:///folder, or s3://bucket/prefix?endpoint=…&region=… with videochat[s3] and "
        "keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Default: a folder in DATA_DIR.",
    )
    reserve_bytes: int = Field(
        256 * MIB,
        ge=0,
        description="Space on the disk of DATA_DIR that is left to the databases, in bytes: with less, uploads are refused "
        "and jobs wait.",
    )


class MediaSettings(Section):
    max_duration_hours: float = Field(24.0, gt=0, description="Longest recording that is decoded, in hours.")
    max_decode_seconds: float = Field(
        3600.0, gt=0, description="Longest time that decoding one file may take, in seconds."
    )


class SttSettings(Section):
    engine: str = Field(
        "auto",
        description="Speech engine: auto, faster-whisper, pocketsphinx or a plugin's name. auto takes faster-whisper "
        "if its model is on disk or can be fetched, else the basic offline recogniser (pocketsphinx).",
        json_schema_extra=RELOADABLE,
    )
    model: str = Field(
        "small", description="Model name or folder of the engine (faster-whisper).", json_schema_extra=RELOADABLE
    )
    language: str | None = Field(
        None,
        description="Language code such as en or zh; unset: recognised by the engine.",
        json_schema_extra=RELOADABLE,
    )
    device: str = Field("auto", description="auto, cpu or cuda.")
    compute_type: str = Field("default", description="Number format of the model: default, int8, float16, …")
    beam_size: int = Field(5, ge=1, le=20, description="Beam width of the search.", json_schema_extra=RELOADABLE)
    vad_filter: bool = Field(True, description="Skip silence inside a window.", json_schema_extra=RELOADABLE)
    hotwords: str | None = Field(
        None, description="Words that the engine should expect, separated by spaces.", json_schema_extra=RELOADABLE
    )
    threads: int = Field(0, ge=0, description="Threads of one engine process; 0: cores divided by JOBS__CONCURRENCY.")
    idle_seconds: float = Field(
        60.0,
        ge=0,
        description="An engine process that nobody uses is ended after this time, which gives its memory back.",
    )
    fetch_seconds: float = Field(
        900.0, ge=0, description="Longest time to fetch a model; 0: never fetch.", json_schema_extra=RELOADABLE
    )


class AiSettings(Section):
    provider: str | None = Field(
        None,
        description="Answer provider: extractive, pydantic-ai or a plugin's name. Default: pydantic-ai with a key, else extractive.",
    )
    api_key: SecretStr | None = Field(
        None, description="Key of the language model's provider.", json_schema_extra=RELOADABLE
    )
    # Not reloadable: who may change settings over HTTP must not be able to have the key sent somewhere else.
    base_url: str | None = Field(None, description="Address of an OpenAI-compatible service, ending in /v1.")
    model: str = Field(
        "gpt-4.1-mini", description="Language model, as the provider names it.", json_schema_extra=RELOADABLE
    )
    timeout: float = Field(
        60.0, gt=0, description="Longest silence of the provider, in seconds.", json_schema_extra=RELOADABLE
    )
    max_retries: int = Field(
        2, ge=0, le=10, description="Retries of a request that may succeed later.", json_schema_extra=RELOADABLE
    )
    context_tokens: int = Field(
        8000,
        ge=500,
        description="Tokens of transcript that one question may send to the provider.",
        json_schema_extra=RELOADABLE,
    )


class JobSettings(Section):
    concurrency: int = Field(
        0, ge=0, le=64, description="Windows (engine processes) at a time in one worker; 0: as suits cores and memory."
    )
    decode_concurrency: int = Field(1, ge=1, le=16, description="Recordings that one worker decodes at a time.")
    queues: list[Literal["decode", "transcribe"]] = Field(
        ["decode", "transcribe"], description="Queues that a worker takes tasks from."
    )
    step_seconds: float = Field(
        7200.0, gt=0, description="Longest time that decoding a recording or listening to one window may take."
    )
    drain_seconds: float = Field(
        10.0, ge=0, description="How long a stopping worker lets windows end; what is left goes to other workers."
    )
    memory_reserve_bytes: int = Field(
        512 * MIB, ge=0, description="Memory of the machine that is left free, in bytes: with less, windows wait."
    )
    first_window_seconds: float = Field(
        30.0, ge=5, le=600, description="Target length of the first window: text appears after it."
    )
    window_seconds: float = Field(
        120.0,
        ge=10,
        le=600,
        description="Target length of later windows: who comes later waits that long for an engine.",
    )
    heartbeat_seconds: float = Field(1.0, gt=0, le=60, description="How often a worker says that it lives.")
    poll_seconds: float = Field(
        1.0, gt=0, le=5, description="How often queues and leases are looked at when nothing new is heard."
    )


class RetentionSettings(Section):
    media_days: float | None = Field(
        None, gt=0, description="Days after which a recording is deleted with all that was made from it; unset: never."
    )
    event_days: float = Field(
        7.0, gt=0, description="Days for which a client that was away can ask for every event it missed."
    )


class AuthSettings(Section):
    mode: Literal["none"] = Field("none", description="Access control; none is accepted on loopback addresses only.")


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important level that is logged.", json_schema_extra=RELOADABLE
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON lines."
    )
    files: bool = Field(True, description="Web processes and workers write JSON lines into DATA_DIR/logs too.")
    max_bytes: int = Field(256 * MIB, ge=MIB, description="About what all files in DATA_DIR/logs may hold, in bytes.")
    keep_days: float = Field(14.0, gt=0, description="Days after which a file in DATA_DIR/logs is removed.")


class MetricsSettings(Section):
    token: SecretStr | None = Field(None, description="Bearer token that /metrics asks for; unset: none is asked for.")


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        env_file=".env",
        toml_file="videochat.toml",
        extra="ignore",  # the environment holds names of other programs
        frozen=True,
        nested_model_default_partial_update=True,
    )

    environment: Literal["development", "testing", "staging", "production"] = Field(
        "development", description="Which kind of installation this is."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Random text of at least 32 characters, the same in all processes, for what will be signed or encrypted. "
        "Staging and production ask for it now, so that a later version finds it. `openssl rand -hex 32` makes one.",
    )
    secrets_dir: Path | None = Field(
        None,
        description="Folder with a file for each secret, such as /run/secrets; a file is named like its setting: AI__API_KEY.",
    )
    data_dir: Path = Field(
        Path("data"),
        description="Folder of the database and the blobs; a relative one is below the folder you stand in.",
    )
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    media: MediaSettings = MediaSettings()
    stt: SttSettings = SttSettings()
    ai: AiSettings = AiSettings()
    jobs: JobSettings = JobSettings()
    retention: RetentionSettings = RetentionSettings()
    auth: AuthSettings = AuthSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # knows no groups
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, secrets_source(settings_cls), toml

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data_dir / 'videochat.db'}"

    @property
    def storage_url(self) -> str:
        return self.storage.url or f"file://{self.data_dir / 'blobs'}"

    @property
    def provider(self) -> str:
        return self.ai.provider or ("pydantic-ai" if self.ai.api_key or self.ai.base_url else "extractive")


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def secrets_source(settings: type[BaseSettings] = Settings) -> NestedSecretsSettingsSource:
    """Return what reads the folder of secrets, which the other sources name."""
    named = (
        EnvSettingsSource(settings).env_vars,
        DotEnvSettingsSource(settings).env_vars,
        TomlConfigSettingsSource(settings).toml_data,
    )
    folder = next((values["secrets_dir"] for values in named if values.get("secrets_dir")), None)
    return NestedSecretsSettingsSource(SecretsSettingsSource(settings), secrets_dir=folder, secrets_dir_missing="error")


def source_files(settings: Settings) -> Iterator[Path]:
    """Yield the files that settings may come from, there or not."""
    yield from (Path(".env"), Path("videochat.toml"))
    if settings.secrets_dir is not None and settings.secrets_dir.is_dir():
        yield from sorted(settings.secrets_dir.iterdir())


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from every source; overrides come from the command line and win.

    Raises ConfigurationError that names the settings, never their values (they may be secrets).
    """
    settings, problems = read_settings(**overrides)
    if settings is None:
        raise ConfigurationError(" ".join(problems))
    return settings


def read_settings(**overrides: Any) -> tuple[Settings | None, list[str]]:
    """Return the settings, or None and every problem with them that can be seen at once."""
    problems: list[str] = []
    settings = None
    try:
        problems += [f"There is no setting {name} ({place}); {_instead_of(name)}" for name, place in _unknown_names()]
        settings = Settings(**overrides)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        # What is unknown in videochat.toml was said above, with the place and what was meant.
        problems += [
            f"Setting {_name_of(one['loc'])}: {one['msg']}." for one in found if one["type"] != "extra_forbidden"
        ]
        problems = problems or [f"Setting {_name_of(found[0]['loc'])}: {found[0]['msg']}."]
    except tomllib.TOMLDecodeError as error:
        problems.append(f"videochat.toml cannot be read: {error}.")
    except SettingsError as error:
        problems.append(
            f'A setting cannot be read: {error}. A list is written as JSON, such as ["a", "b"], what belongs to a group '
            "has a name of its own, such as STT__ENGINE, and SECRETS_DIR names a folder that is there."
        )
    except UnicodeDecodeError:
        problems.append(f"A source of the settings is not UTF-8 text: look at {_files()}.")
    except OSError as error:
        problems.append(f"A source of the settings cannot be read ({error.strerror}): look at {_files()}.")
    return (None if problems else settings), problems


def _name_of(loc: tuple[int | str, ...]) -> str:
    return "__".join(str(part).upper() for part in loc)


def _files() -> str:
    return "videochat.toml, .env and the folder SECRETS_DIR"


def names() -> Iterator[str]:
    """Yield the name of every setting, as the environment has it."""
    for name in Settings.model_fields:
        if name in SECTIONS:
            yield from (f"{name}__{inner}".upper() for inner in SECTIONS[name].model_fields)
        else:
            yield name.upper()


def _unknown_names() -> Iterator[tuple[str, str]]:
    """Yield what was meant as a setting of ours and is none, with the place where it stands.

    The environment and `.env` hold names of other programs too, `videochat.toml` does not.
    """
    known = {*names()}
    for name in EnvSettingsSource(Settings).env_vars:
        if _is_ours(name) and _plain(name) not in known:
            yield name.upper(), "environment"
    for name in DotEnvSettingsSource(Settings).env_vars:
        if _plain(name) not in known and (_is_ours(name) or get_close_matches(name.upper(), known, 1, TYPO)):
            yield name.upper(), ".env"
    for name in secrets_source().env_vars:
        if _is_ours(name) and _plain(name) not in known:
            yield name.upper(), "SECRETS_DIR"
    for name, value in TomlConfigSettingsSource(Settings).toml_data.items():
        for full in [f"{name}__{inner}" for inner in value] if isinstance(value, dict) else [name]:
            if _plain(full) not in known or full != full.lower():
                yield full.replace("__", "."), "videochat.toml"


def _is_ours(name: str) -> bool:
    section, parted, _ = name.lower().partition("__")
    return bool(parted) and section in SECTIONS


def _plain(name: str) -> str:
    """Return the name without what stands deeper than a setting, which is the setting's own business."""
    return "__".join(name.upper().split("__")[:2])


def _instead_of(name: str) -> str:
    """Return what may have been meant."""
    wanted = name.replace(".", "__").upper()
    if close := get_close_matches(wanted, names(), 1):
        return f"did you mean {close[0] if name.isupper() else close[0].lower().replace('__', '.')}?"
    section = wanted.partition("__")[0]
    known = [one for one in names() if one.startswith(f"{section}__")] or [f"{one.upper()}__…" for one in SECTIONS]
    return f"there are {', '.join(known)}."

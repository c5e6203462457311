"""What can be configured: one tree, read once by the composition root and passed in.

Sources, strongest first: arguments, environment, `.env`, `videochat.toml`. Nested names use `__` (STT__ENGINE).
A field marked `reloadable` may be changed while the service runs; the others need a restart.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.config import JsonDict
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from videochat.errors import ConfigurationError

GIB = 1024**3
RELOADABLE: JsonDict = {"reloadable": True}


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    url: str | None = Field(None, description="Where blobs are kept: file:///folder. Default: a folder in DATA_DIR.")


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
    api_key: SecretStr | None = Field(None, description="Key of the language model's provider.")
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
    concurrency: int = Field(2, ge=1, le=64, description="Jobs and engine processes at a time in one worker.")
    first_window_seconds: float = Field(
        30.0, ge=5, le=600, description="Target length of the first window: text appears after it."
    )
    window_seconds: float = Field(
        300.0, ge=10, le=600, description="Target length of later windows; never more than 600 s."
    )
    heartbeat_seconds: float = Field(1.0, gt=0, le=60, description="How often a worker says that it lives.")
    poll_seconds: float = Field(0.1, gt=0, le=5, description="How often queues are looked at.")


class AuthSettings(Section):
    mode: Literal["none"] = Field("none", description="Access control; none is accepted on loopback addresses only.")


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important level that is logged.", json_schema_extra=RELOADABLE
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON lines."
    )


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
    data_dir: Path = Field(Path("data"), description="Folder of the database and the blobs.")
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    media: MediaSettings = MediaSettings()
    stt: SttSettings = SttSettings()
    ai: AiSettings = AiSettings()
    jobs: JobSettings = JobSettings()
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
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, file_secret_settings, toml

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data_dir / 'videochat.db'}"

    @property
    def storage_url(self) -> str:
        return self.storage.url or f"file://{self.data_dir / 'blobs'}"

    @property
    def provider(self) -> str:
        return self.ai.provider or ("pydantic-ai" if self.ai.api_key or self.ai.base_url else "extractive")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from every source; overrides come from the command line and win.

    Raises ConfigurationError that names the setting, never its value (it may be a secret).
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "__".join(str(part).upper() for part in first["loc"])
        raise ConfigurationError(f"Setting {name}: {first['msg']}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"videochat.toml cannot be read: {error}.") from None

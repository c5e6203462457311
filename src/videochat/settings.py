"""What can be configured: one tree, read once by the composition root and passed in.

Sources, strongest first: arguments, environment, `.env`, the folder of secrets, `videochat.toml`. Nested names use `__`
(STT__ENGINE).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
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
from videochat.sections import (
    AiSettings,
    AlertSettings,
    AuthSettings,
    CacheSettings,
    DatabaseSettings,
    DownloadSettings,
    JobSettings,
    LimitSettings,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    RetentionSettings,
    Section,
    ServerSettings,
    StorageSettings,
    SttSettings,
    TracesSettings,
)

TYPO = 0.85  # how like a setting's name one in .env must be to be meant as it


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
        description="Random text of at least 32 characters, the same in all processes; staging and production ask for it. Secrets "
        "that are changed over the API are stored sealed with it, and so is what a browser keeps while somebody signs in with "
        "AUTH__MODE=oidc. With another one those secrets must be set anew; accounts, sessions and API keys do not depend on it. "
        "`openssl rand -hex 32` makes one.",
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
    cache: CacheSettings = CacheSettings()
    media: MediaSettings = MediaSettings()
    download: DownloadSettings = DownloadSettings()
    stt: SttSettings = SttSettings()
    ai: AiSettings = AiSettings()
    jobs: JobSettings = JobSettings()
    retention: RetentionSettings = RetentionSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    alerts: AlertSettings = AlertSettings()
    traces: TracesSettings = TracesSettings()

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

    @property
    def embedder(self) -> str | None:
        return self.ai.embedder or ("openai" if self.ai.embedding_model else None)


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

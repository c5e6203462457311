"""Settings that change while the service runs: the reloadable ones are taken up at once, the others wait for a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from videochat.errors import InvalidError, NotFoundError
from videochat.settings import SECTIONS, Settings

Watcher = Callable[[Settings, Settings], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting inside a section, by its name in the environment (STT__ENGINE)."""

    name: str
    section: str
    field: str
    info: FieldInfo

    @property
    def reloadable(self) -> bool:
        extra = self.info.json_schema_extra
        return isinstance(extra, dict) and bool(extra.get("reloadable"))

    @property
    def secret(self) -> bool:
        return SecretStr in (self.info.annotation, *get_args(self.info.annotation))

    def of(self, settings: Settings) -> Any:
        """Return its value."""
        return getattr(getattr(settings, self.section), self.field)

    def within(self, settings: Settings, value: Any) -> Settings:
        """Return the settings with another value of this one. Raises InvalidError that says what is wrong, not the value."""
        section = getattr(settings, self.section)
        try:
            changed = type(section).model_validate({**section.model_dump(), self.field: value})
        except ValidationError as error:
            raise InvalidError(f"{self.name}: {error.errors(include_input=False)[0]['msg']}.") from None
        return settings.model_copy(update={self.section: changed})


def _all() -> Iterator[Setting]:
    for section, model in SECTIONS.items():
        for field, info in model.model_fields.items():
            yield Setting(f"{section}__{field}".upper(), section, field, info)


SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _all()}
FIXED: Mapping[str, str] = {field.upper(): field for field in Settings.model_fields if field not in SECTIONS}
"""What stands outside the sections, by name: it is fixed before anything runs."""
RELOADABLE: Mapping[str, Setting] = {name: setting for name, setting in SETTINGS.items() if setting.reloadable}


def reloadable(name: str) -> Setting:
    """Return the setting of this name. Raises NotFoundError, and InvalidError for one that needs a restart."""
    if name not in SETTINGS and name not in FIXED:
        raise NotFoundError(f"There is no setting {name}.")
    if name not in RELOADABLE:
        raise InvalidError(f"{name} cannot change while the service runs: set it where it is configured and restart.")
    return RELOADABLE[name]


class LiveSettings:
    """The settings as they are now in this process; who must do something about a change watches."""

    def __init__(self, settings: Settings) -> None:
        self.current = settings
        self.waiting: tuple[str, ...] = ()  # what changed in its source and needs a restart
        self._watchers: list[Watcher] = []

    def watch(self, on_change: Watcher) -> None:
        """Call it after each change with the settings before and now. What it raises refuses the change."""
        self._watchers.append(on_change)

    def take_up(self, wanted: Settings) -> tuple[str, ...]:
        """Replace what is reloadable, all of it at once, and return the names of what changed."""
        changed = _differences(self.current, wanted)
        self.waiting = tuple(name for name in changed if name not in RELOADABLE)
        taken = tuple(name for name in changed if name in RELOADABLE)
        merged = self.current
        for name in taken:
            merged = RELOADABLE[name].within(merged, RELOADABLE[name].of(wanted))
        if taken:
            for watcher in self._watchers:
                watcher(self.current, merged)
            self.current = merged
        return taken


def _differences(one: Settings, other: Settings) -> tuple[str, ...]:
    fixed = [name for name, field in FIXED.items() if getattr(one, field) != getattr(other, field)]
    return (*fixed, *(name for name, setting in SETTINGS.items() if setting.of(one) != setting.of(other)))

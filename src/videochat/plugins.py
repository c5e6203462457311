"""What is installed under a group of entry points: built-ins and plugins come in through the same door.

Looking costs reading names; a plugin's code runs only once somebody loads it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from videochat.errors import ConfigurationError, VideoChatError

HOME = "videochat"
GROUPS = (
    "videochat.blobs",
    "videochat.embedders",
    "videochat.engines",
    "videochat.exporters",
    "videochat.middleware",
    "videochat.notifiers",
    "videochat.providers",
    "videochat.sources",
)


class PluginError(ConfigurationError):
    """A plugin that is installed cannot be used."""

    code = "plugin"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point. As text it says whose it is: `'tsv' of videochat.exporters (videochat-shout 0.1)`."""

    point: EntryPoint

    @property
    def group(self) -> str:
        return self.point.group

    @property
    def name(self) -> str:
        return self.point.name

    @property
    def package(self) -> str:
        return self.point.dist.name if self.point.dist else "unknown"

    @property
    def version(self) -> str:
        return self.point.dist.version if self.point.dist else "unknown"

    @property
    def built_in(self) -> bool:
        return self.package == HOME

    def __str__(self) -> str:
        return f"{self.name!r} of {self.group} ({self.package} {self.version})"

    def load(self) -> Any:
        """Import what the entry point stands for. Raises PluginError."""
        with self.blamed():
            return self.point.load()

    @contextmanager
    def blamed(self, *, secret: bool = False) -> Iterator[None]:
        """Let whatever a plugin's code raises become one error that names the plugin, and says why in one line.

        With `secret` only the kind of error is said: its text may hold what nobody should read.
        """
        try:
            yield
        except VideoChatError:
            raise
        except (Exception, SystemExit) as error:  # a stranger's code may fail in any way
            why = " ".join(f"{type(error).__name__}{'' if secret else f': {error}'}".split())
            raise PluginError(f"The plugin {self} is installed but cannot be used: {why}") from error


def installed(group: str) -> Mapping[str, Plugin]:
    """Return what is installed under the group, by name. Nobody takes the name of a built-in, or of who comes first by package."""
    found: dict[str, Plugin] = {}
    for plugin in _all(group):
        found.setdefault(plugin.name, plugin)
    return found


def chosen(group: str, name: str, setting: str) -> Plugin:
    """Return the plugin that a setting names. Raises ConfigurationError, which lists those there are."""
    known = installed(group)
    if name not in known:
        there = f"known are {', '.join(sorted(known))}" if known else "none is installed"
        raise ConfigurationError(f"{setting}: there is no {name!r}; {there}.")
    return known[name]


def strangers() -> list[Plugin]:
    """Return what other packages brought, also what cannot be reached because its name is taken."""
    return [plugin for group in GROUPS for plugin in _all(group) if not plugin.built_in]


def _all(group: str) -> list[Plugin]:
    plugins = map(Plugin, _points(*sys.path).select(group=group))
    return sorted(plugins, key=lambda plugin: (not plugin.built_in, plugin.package, plugin.name))


@cache
def _points(*_path: str) -> Any:  # has another type in Python 3.11, with the same `select`
    """Read what each package on this path says of itself, which takes a tenth of a second."""
    return entry_points()

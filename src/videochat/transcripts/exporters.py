"""In which formats transcripts can be written: built-ins and plugins, through the entry points `videochat.exporters`.

The name of the entry point is the format's name and the ending of its files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from videochat.errors import UnsupportedError
from videochat.plugins import Plugin, PluginError, installed
from videochat.transcripts.formats import Header, Renderer

log = structlog.get_logger(__name__)

GROUP = "videochat.exporters"
FIRST = ("srt", "vtt", "txt", "md", "json")  # in the order in which people want them; plugins follow by name
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
NAME = re.compile(r"[a-z0-9]{1,16}")


class Exporter(Protocol):
    """Makes a renderer for one file; most are the renderer's class."""

    @property
    def media_type(self) -> str:
        """The media type of the files, without a charset: they are UTF-8."""
        ...

    def __call__(self, header: Header, /) -> Renderer: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format that can be written. `version` says who writes it: with another one the same transcript is another file."""

    name: str
    media_type: str
    version: str
    renderer: Exporter


class Exporters:
    """The formats that are installed. Each is imported when it is first asked for."""

    def __init__(self, plugins: Mapping[str, Plugin]) -> None:
        self._plugins = {name: plugins[name] for name in sorted(plugins, key=_rank)}
        self._usable: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all, also of those that turn out to be broken."""
        return tuple(self._plugins)

    def usable(self) -> tuple[str, ...]:
        """Return the names of those that work. They are all imported, the first time, and the broken ones logged."""
        if self._usable is None:
            self._usable = tuple(name for name in self.names if self._works(name))
        return self._usable

    def named(self, name: str) -> Format:
        """Return the format of this name. Raises UnsupportedError, which lists those there are or names the broken plugin."""
        if name not in self._plugins:
            raise UnsupportedError(f"There is no format {name!r}; choose {', '.join(self.names)}.")
        try:
            return _loaded(self._plugins[name])
        except PluginError as error:
            raise UnsupportedError(error.message) from error

    def _works(self, name: str) -> bool:
        try:
            _loaded(self._plugins[name])
        except PluginError as error:
            log.warning("plugin.broken", group=GROUP, plugin=name, reason=error.message)
            return False
        return True


def load_exporters() -> Exporters:
    """Return the formats that are installed; none of them is imported yet."""
    return Exporters(installed(GROUP))


def _loaded(plugin: Plugin) -> Format:
    exporter = plugin.load()
    with plugin.blamed():
        media_type = exporter.media_type
        if not MEDIA_TYPE.fullmatch(media_type) or not NAME.fullmatch(plugin.name):
            raise ValueError("a format has a name of small letters and digits, and a media_type such as text/plain")
    return Format(plugin.name, media_type, f"{plugin.package} {plugin.version}", exporter)


def _rank(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST)), name

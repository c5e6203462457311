"""Which speech engines are installed: built-ins and plugins come in through the same entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from videochat import plugins
from videochat.errors import ConfigurationError
from videochat.plugins import Plugin
from videochat.transcripts.transcriber import Engine

GROUP = "videochat.engines"

# A name and how to get its engine. Getting it imports the plugin, so that happens only for the one in use.
Catalogue = Mapping[str, Callable[[], Engine]]


def installed() -> Catalogue:
    """Return the engines that are installed, by the name used in STT__ENGINE."""
    return {name: partial(_build, plugin) for name, plugin in plugins.installed(GROUP).items()}


def engine_named(name: str, catalogue: Catalogue) -> Engine:
    """Return the engine of that name. Raises ConfigurationError that lists them, or says which plugin is broken."""
    if name not in catalogue:
        raise ConfigurationError(
            f"STT__ENGINE: there is no engine {name!r}; choose auto, {', '.join(sorted(catalogue))}."
        )
    return catalogue[name]()


def _build(plugin: Plugin) -> Engine:
    engine = plugin.load()
    with plugin.blamed():
        return cast("Engine", engine())

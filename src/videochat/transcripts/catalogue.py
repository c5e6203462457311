"""Which speech engines are installed: built-ins and plugins come in through the same entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from videochat.errors import ConfigurationError
from videochat.transcripts.transcriber import Engine

GROUP = "videochat.engines"

# A name and how to get its engine. Getting it imports the plugin, so that happens only for the one in use.
Catalogue = Mapping[str, Callable[[], Engine]]


def installed() -> Catalogue:
    """Return the engines that are installed, by the name used in STT__ENGINE."""
    return {point.name: partial(_build, point) for point in entry_points(group=GROUP)}


def engine_named(name: str, catalogue: Catalogue) -> Engine:
    """Return the engine of that name. Raises ConfigurationError."""
    if name not in catalogue:
        raise ConfigurationError(
            f"STT__ENGINE: there is no engine {name!r}; choose auto, {', '.join(sorted(catalogue))}."
        )
    try:
        return catalogue[name]()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"STT__ENGINE: the engine {name!r} is installed but cannot be loaded; see the log of the service."
        ) from error


def _build(point: EntryPoint) -> Engine:
    return cast("Engine", point.load()())

"""Who asks. Every service call takes an actor, also while there are no accounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program on whose behalf something is done."""

    id: str


LOCAL = Actor("local")

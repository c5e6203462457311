"""Who asks. Every service call takes an actor, also while there are no accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Permission = Literal["read", "ask", "write", "operate"]
PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission))


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program on whose behalf something is done, and what it may do.

    `lent` are ids of media that a link gives to whoever has it, `sharers` the owners who let this actor read something.
    """

    id: str
    permissions: frozenset[Permission] = PERMISSIONS
    lent: frozenset[str] = frozenset()
    sharers: frozenset[str] = frozenset()


LOCAL = Actor("local")

"""Random tokens: given away once, and remembered only as a hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

Kind = Literal["key", "session", "link"]

# People who find one in a log or a paste know what it is, and scanners for leaked secrets can too.
PREFIXES: dict[Kind, str] = {"key": "vck_", "session": "vcs_", "link": "vcl_"}
SHOWN = 10  # characters that tell one key from another and are no help in guessing it
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is given away; 256 random bits."""

    text: str

    @property
    def hash(self) -> str:
        return hash_of(self.text)

    @property
    def shown(self) -> str:
        return self.text[:SHOWN]


def new_token(kind: Kind) -> Token:
    return Token(PREFIXES[kind] + secrets.token_urlsafe(32))


def hash_of(text: str) -> str:
    """Return what is stored of a token: it is random, so that a fast hash is as good as a slow one."""
    return hashlib.sha256(text.encode()).hexdigest()


def kind_of(text: str) -> Kind | None:
    """Return what the text claims to be, if it can be a token at all."""
    if len(text) > LONGEST:
        return None
    return next((kind for kind, prefix in PREFIXES.items() if text.startswith(prefix)), None)

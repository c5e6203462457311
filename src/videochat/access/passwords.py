"""Passwords: argon2id, off the event loop."""

from __future__ import annotations

import asyncio
from functools import cached_property

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from videochat.errors import InvalidError

SHORTEST = 10
LONGEST = 200  # more is no password but work for the hash


class Passwords:
    """Hashes and compares, one at a time: each takes 64 MiB and a twentieth of a second."""

    def __init__(self) -> None:
        self._hash = PasswordHash.recommended()
        self._one_at_a_time = asyncio.Lock()

    async def hashed(self, password: str) -> str:
        """Return what to store. Raises InvalidError for what is too easy to guess."""
        if len(password) < SHORTEST or len(set(password)) < SHORTEST // 2:
            raise InvalidError(
                f"A password has at least {SHORTEST} characters, and not always the same ones.", code="weak_password"
            )
        if len(password) > LONGEST:
            raise InvalidError(f"A password has at most {LONGEST} characters.")
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._hash.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Say whether this is the password; that takes as long when there is none (`stored` is None)."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._fits, password[: LONGEST + 1], stored)

    def _fits(self, password: str, stored: str | None) -> bool:
        try:
            right = self._hash.verify(password, stored or self._nobodys)
        except UnknownHashError:
            return False
        return right and stored is not None

    @cached_property
    def _nobodys(self) -> str:
        """What is compared with where there is no account: how long a refusal takes must not tell who has one."""
        return self._hash.hash("nobody has this password")

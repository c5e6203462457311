"""Passwords."""

from __future__ import annotations

import time
from statistics import median

import pytest

from videochat.access.passwords import Passwords
from videochat.errors import InvalidError


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "x" * 201, ""])
async def test_what_is_easy_to_guess_is_refused(password: str) -> None:
    """Too short, always the same characters, or endless: each is said to be so."""
    with pytest.raises(InvalidError):
        await Passwords().hashed(password)


async def test_only_the_password_fits() -> None:
    """The stored text is argon2id with a salt of its own; another password, no account and a foreign hash do not fit."""
    passwords = Passwords()
    stored = await passwords.hashed("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert stored != await passwords.hashed("correct horse battery")
    assert await passwords.fits("correct horse battery", stored)
    assert not await passwords.fits("correct horse batterx", stored)
    assert not await passwords.fits("nobody has this password", None)
    assert not await passwords.fits("correct horse battery", "plain text")


async def test_a_refusal_does_not_tell_whether_there_is_an_account() -> None:
    """It takes about as long with an account as without."""
    passwords = Passwords()
    stored = await passwords.hashed("correct horse battery")
    await passwords.fits("warm up", None)
    took: dict[bool, list[float]] = {True: [], False: []}
    for known in (True, False) * 5:
        began = time.perf_counter()
        await passwords.fits("wrong password", stored if known else None)
        took[known].append(time.perf_counter() - began)
    assert 0.5 < median(took[True]) / median(took[False]) < 2

"""Secrets that are stored."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from videochat.errors import ConfigurationError
from videochat.ops.sealing import Sealer

KEY = SecretStr("0123456789abcdef0123456789abcdef")


def test_what_is_sealed_can_be_opened_with_the_same_key_only() -> None:
    """Another SECRET_KEY, another purpose, a changed text: each is a clear error."""
    sealed = Sealer(KEY, "settings").seal("sk-very-secret")
    assert "secret" not in sealed
    assert Sealer(KEY, "settings").open(sealed) == "sk-very-secret"
    for other, text in [
        (Sealer(SecretStr("another-key-of-thirty-two-letters"), "settings"), sealed),
        (Sealer(KEY, "sessions"), sealed),
        (Sealer(KEY, "settings"), sealed[:-2]),
    ]:
        with pytest.raises(ConfigurationError, match="SECRET_KEY"):
            other.open(text)


def test_without_a_key_nothing_is_sealed() -> None:
    """A secret is never stored as it is."""
    with pytest.raises(ConfigurationError, match="openssl rand"):
        Sealer(None, "settings").seal("sk-very-secret")

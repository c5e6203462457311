"""Tokens."""

from __future__ import annotations

from videochat.access.tokens import PREFIXES, hash_of, kind_of, new_token


def test_tokens_are_long_different_and_known_by_their_beginning() -> None:
    """Each kind says what it is; no two are alike; of 256 bits only some of the first are shown."""
    for kind, prefix in PREFIXES.items():
        token, other = new_token(kind), new_token(kind)
        assert token != other
        assert kind_of(token.text) == kind
        assert token.text.startswith(prefix)
        assert len(token.text) - len(prefix) >= 43
        assert len(token.shown) - len(prefix) <= 6


def test_what_is_stored_does_not_hold_the_token() -> None:
    """The hash is one of the whole token, and another one for another token."""
    token = new_token("key")
    assert token.hash == hash_of(token.text) != hash_of(token.text + "x")
    assert token.text[4:] not in token.hash


def test_other_texts_are_no_tokens() -> None:
    """Neither what begins otherwise nor what is far too long is looked up."""
    assert kind_of("hello") is None
    assert kind_of("vck_" + "x" * 1000) is None

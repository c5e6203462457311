"""How a test that looks at everything says what it found."""

from __future__ import annotations

from collections.abc import Iterable


def assert_none(offenders: Iterable[str], advice: str = "") -> None:
    """Fail with every offender on a line of its own, where a comparison with [] shows the first; then the advice."""
    found = list(offenders)
    assert not found, "\n".join(["", *found, advice])

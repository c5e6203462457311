"""When an answer counts as one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from videochat.answers.answer import Answer, Coverage
from videochat.errors import ProviderError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COVERAGE = Coverage(media=1, duration=None, transcribed=60.0, complete=True, passages=1, uncited=0)
WHOLE = Answer("ans_1", "cnv_1", "local", "?", None, "completed", "So.", (), COVERAGE, "test", None, {}, None, NOW, NOW)


def test_only_a_complete_answer_is_whole() -> None:
    """Half a text is an error, with the reason that was stored, or the state that it is in."""
    assert WHOLE.whole() is WHOLE
    failed = replace(WHOLE, status="failed", error={"code": "provider_denied", "message": "Set a key."})
    with pytest.raises(ProviderError, match=r"^Set a key\.$") as error:
        failed.whole()
    assert error.value.reason == "provider_denied"
    for status in ("running", "cancelled"):
        with pytest.raises(ProviderError) as error:
            replace(WHOLE, status=status).whole()  # type: ignore[arg-type]  # one of its states
        assert error.value.reason == status

"""The child's main loop, without a process."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from fake_engine import SEGMENTS, FakeEngine, FakeTranscriber
from videochat.transcripts.engine_child import EngineChild
from videochat.transcripts.transcriber import EngineSpec, Options


class Counting(FakeEngine):
    def __init__(self, loads: list[str]) -> None:
        self._loads = loads

    def load(self, spec: EngineSpec) -> FakeTranscriber:
        self._loads.append(spec.model)
        return super().load(spec)


def task(model: str, **options: Any) -> dict[str, Any]:
    spec = asdict(EngineSpec("fake", model))
    return {
        "task": "transcribe",
        "spec": spec,
        "audio": "x.flac",
        "options": asdict(Options(**options)),
        "request_id": "r1",
    }


@pytest.fixture
def loads() -> list[str]:
    return []


@pytest.fixture
def child(loads: list[str]) -> EngineChild:
    return EngineChild({"fake": lambda: Counting(loads)})


def test_the_language_comes_before_the_segments(child: EngineChild) -> None:
    """The parent knows the language before any word, and how long it took to load the engine before that."""
    loaded, language, *segments = child.handle(task("steady", language="fr"))
    assert (loaded["loaded"], loaded["seconds"] >= 0) == ("steady", True)
    assert language == {"language": "fr"}
    assert [reply["segment"]["start"] for reply in segments] == [n * 0.5 for n in range(SEGMENTS)]


def test_an_engine_stays_loaded_until_another_is_asked_for(child: EngineChild, loads: list[str]) -> None:
    """Equal specs load once; another model takes the place of the first."""
    for model in ("a", "a", "b"):
        next(iter(child.handle(task(model))))
    assert loads == ["a", "b"]


def test_errors_with_a_name_are_replies(child: EngineChild) -> None:
    """A refusal is told to the parent, and the child lives on."""
    assert list(child.handle(task("steady", language="xx")))[1:] == [
        {"error": {"kind": "unsupported", "code": "language_unknown", "message": "This language is not known."}}
    ]
    assert len(list(child.handle(task("steady")))) == SEGMENTS + 1


def test_a_failure_in_the_middle_is_the_last_reply(child: EngineChild) -> None:
    """Segments before the failure have been told; then comes the error and nothing more."""
    replies = list(child.handle(task("fail")))
    assert [next(iter(reply)) for reply in replies] == ["loaded", "language", "segment", "segment", "error"]


def test_bugs_are_not_replies(child: EngineChild) -> None:
    """An error without a name ends the process, traceback in the log: nobody continues in an unknown state."""
    with pytest.raises(ZeroDivisionError):
        list(child.handle(task("bug")))


def test_fetching_is_a_task_of_its_own(child: EngineChild) -> None:
    """A fetch needs no loaded model and reports success or the engine's reason."""
    assert list(child.handle({"task": "fetch", "engine": "fake", "model": "known", "request_id": None})) == [
        {"fetched": "known"}
    ]
    (failure,) = child.handle({"task": "fetch", "engine": "fake", "model": "unknown", "request_id": None})
    assert failure["error"]["kind"] == "engine_unavailable"

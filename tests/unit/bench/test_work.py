"""Asking a service for work, also while it is being killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from harness.report import InvalidMeasureError
from harness.work import items, seconds_of, segments_of, texts_of, wait_for_end

DONE = {
    "status": "completed",
    "created_at": "2026-01-01T00:00:00+00:00",
    "finished_at": "2026-01-01T00:00:01.500000+00:00",
}


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))


def test_a_service_that_is_away_is_waited_for() -> None:
    """Neither a refused connection nor a 503 says how a job ended."""
    answers = iter([httpx.ConnectError("refused"), httpx.Response(503), {"status": "running"}, DONE])

    def answer(request: httpx.Request) -> httpx.Response:
        match next(answers):
            case httpx.ConnectError() as error:
                raise error
            case httpx.Response() as response:
                return response
            case job:
                return httpx.Response(200, json=job)

    job = wait_for_end(client(answer), "job_1", 10)
    assert job == DONE
    assert seconds_of(job) == 1.5


def test_a_job_that_does_not_end_is_returned_as_it_is() -> None:
    """Whoever measures says what that means."""
    assert (
        wait_for_end(client(lambda _: httpx.Response(200, json={"status": "running"})), "job_1", 0.2)["status"]
        == "running"
    )


def test_a_service_that_stays_away_makes_the_measurement_invalid() -> None:
    """Without a single answer nothing was measured."""
    with pytest.raises(InvalidMeasureError, match="did not come back"):
        wait_for_end(client(lambda _: httpx.Response(503)), "job_1", 0.2)


def library(request: httpx.Request) -> httpx.Response:
    """Answer as a library of three media on two pages, each with a transcript on two pages."""
    second = "cursor" in request.url.params
    if request.url.path == "/api/media":
        names = ["c"] if second else ["a", "b"]
        return httpx.Response(
            200, json={"items": [{"id": name, "name": name} for name in names], "next": None if second else "x"}
        )
    n = int(second)
    segment: dict[str, Any] = {"n": n, "start": n, "end": n + 1, "text": f"{request.url.path[11]}{n}"}
    return httpx.Response(200, json={"segments": [segment], "next": None if second else "x"})


def test_lists_and_transcripts_are_read_to_their_end() -> None:
    """Pages are a matter of the API."""
    with client(library) as asked:
        assert [item["name"] for item in items(asked, "/api/media")] == ["a", "b", "c"]
        assert segments_of(asked, "b") == [(0, 0, 1, "b0"), (1, 1, 2, "b1")]
        assert list(texts_of(asked)) == [("a", "a0 a1"), ("b", "b0 b1"), ("c", "c0 c1")]

"""Asks a service for transcriptions over HTTP and waits for them, also while it is being killed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from harness.report import require

Segments = list[tuple[int, float, float, str]]

FINAL = {"completed", "failed", "cancelled"}
POLL_SECONDS = 0.1


def upload(client: httpx.Client, recording: Path) -> str:
    """Store the recording without transcribing it and return the medium's id."""
    query = {"name": recording.name, "process": "false"}
    with recording.open("rb") as file:
        return str(client.post("/api/media", params=query, content=file).raise_for_status().json()["id"])


def transcribe(client: httpx.Client, media_id: str, **choices: str) -> str:
    """Ask for a transcription and return the job's id."""
    answer = client.post(f"/api/media/{media_id}/transcription", json=choices)
    return str(answer.raise_for_status().json()["id"])


def wait_for_end(client: httpx.Client, job_id: str, seconds: float, *, poll: float = POLL_SECONDS) -> dict[str, Any]:
    """Return the job once it has ended, or as it is when the time is over; a service that is away is waited for."""
    deadline = time.monotonic() + seconds
    job = _job(client, job_id)
    while (job is None or job["status"] not in FINAL) and time.monotonic() < deadline:
        time.sleep(poll)
        job = _job(client, job_id)
    require(job is not None, "the service did not come back")
    assert job is not None
    return job


def completed(client: httpx.Client, media_id: str, seconds: float, **choices: str) -> dict[str, Any]:
    """Transcribe the medium and return the completed job. Raises InvalidMeasureError when it does not complete in time."""
    job = wait_for_end(client, transcribe(client, media_id, **choices), seconds)
    require(job["status"] == "completed", f"the transcription is {job['status']}")
    return job


def seconds_of(job: dict[str, Any]) -> float:
    """Return how long the job took, from when it was asked for to when it was completed."""
    asked, ended = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    return (ended - asked).total_seconds()


def segments_of(client: httpx.Client, media_id: str) -> Segments:
    """Return number, start, end and text of every segment of the medium's newest transcript."""
    found: Segments = []
    cursor: str | None = None
    while True:
        query = {} if cursor is None else {"cursor": cursor}
        page = client.get(f"/api/media/{media_id}/transcript", params=query).raise_for_status().json()
        found += [(segment["n"], segment["start"], segment["end"], segment["text"]) for segment in page["segments"]]
        cursor = page["next"]
        if cursor is None:
            return found


def items(client: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    """Return all items of a list of the API."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={"limit": 200, **query, **cursor}).raise_for_status().json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def texts_of(client: httpx.Client) -> Iterator[tuple[str, str]]:
    """Yield the name of every medium and the text of its newest transcript."""
    for media in items(client, "/api/media"):
        yield media["name"], " ".join(text for _, _, _, text in segments_of(client, media["id"]))


def _job(client: httpx.Client, job_id: str) -> dict[str, Any] | None:
    try:
        answer = client.get(f"/api/jobs/{job_id}")
    except httpx.TransportError:
        return None
    return None if answer.is_server_error else dict(answer.raise_for_status().json())

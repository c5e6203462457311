"""How long people wait for the page while a transcription runs (p99), against a bare Starlette in the same run.

    python bench/latency.py

`videochat serve` holds a library of 50 media and its worker transcribes a long recording. A generator then asks the service
and the bare application in turn, request by request, at a fixed rate: both meet the same load. What the bare application
needs while nothing is transcribed is told beside. Prints one JSON line with the larger of both ratios last.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.openloop import Reply, Target, drive
from harness.recordings import second_of_noise, write_long_lecture
from harness.report import percentile, progress, publish, require
from harness.service import Server, bare_service, local_client, videochat_service

TARGET = 5.0
ENDPOINTS = {"health": "/health/live", "list": "/api/media"}
MEDIA = 50  # one page of the list, with the long recording
LECTURES = 20  # about as many minutes: longer than the measuring on any machine
RATE = 100.0  # requests a second, half of them to the bare application
SLICES, SLICE_SECONDS = 3, 8.0  # the endpoints take turns, so that a change on the machine meets both
WARM_SECONDS, IDLE_SECONDS = 1.0, 10.0
TRANSCRIBING_SECONDS = 120.0  # longest wait for the first words


@dataclass(frozen=True, slots=True)
class Comparison:
    """The replies of one endpoint and of the bare application, asked in turn."""

    ours: tuple[Reply, ...] = ()
    bare: tuple[Reply, ...] = ()

    def with_slice(self, ours: Sequence[Reply], bare: Sequence[Reply]) -> Comparison:
        """Return it with more replies. Raises InvalidMeasureError unless both sides answered equally often and well."""
        require(len(ours) == len(bare), "the two sides did not answer equally many requests")
        _check(ours)
        _check(bare)
        return Comparison((*self.ours, *ours), (*self.bare, *bare))

    @property
    def ratio(self) -> float:
        return _p99(_ms(self.ours)) / _p99(_ms(self.bare))

    @property
    def ratio_less_late(self) -> float:
        """The ratio without what the generator lost, which makes unequal sides look more equal on a busy machine."""
        return _p99(_ms_less_late(self.ours)) / _p99(_ms_less_late(self.bare))

    def to_json(self) -> dict[str, object]:
        return {
            "requests": len(self.ours),
            "ours": _times(self.ours),
            "bare": _times(self.bare),
            "ratio_less_late": round(self.ratio_less_late, 2),
            "ratio": round(self.ratio, 2),
        }


@dataclass(frozen=True, slots=True)
class Work:
    """The transcription that goes on meanwhile."""

    client: httpx.Client
    job_id: str

    def progress(self) -> float:
        """Return the share that is done. Raises InvalidMeasureError when it is not being transcribed."""
        job = self.client.get(f"/api/jobs/{self.job_id}").raise_for_status().json()
        state = f"{job['status']}, {job['step']}"
        require(state == "running, transcribe", f"the transcription is not running any more ({state})")
        return float(job["progress"])


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name, _servers(Path(name)) as (ours, bare), local_client(ours) as client:
        idle = _bare_alone(bare)
        work = _start_transcription(client, Path(name))
        before = work.progress()
        compared = _compare(ours, bare)
        after = work.progress()
    require(after > before, "the transcription did not get on while the requests were measured")
    about = {"rate": RATE, "media": MEDIA, "transcribed": [before, after]}
    return {**about, "bare_idle": _times(idle), **_result(compared)}


def _result(compared: dict[str, Comparison]) -> dict[str, object]:
    ratio = round(max(comparison.ratio for comparison in compared.values()), 2)
    endpoints = {name: comparison.to_json() for name, comparison in compared.items()}
    return {**endpoints, "target": TARGET, "met": ratio <= TARGET, "ratio": ratio}


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[Server, Server]]:
    """Run the service, with a library, and the bare application."""
    progress("starting the servers")
    with videochat_service(folder, {"STT__ENGINE": "pocketsphinx"}) as ours, bare_service(folder) as bare:
        with local_client(ours) as client:
            _fill_library(client, MEDIA - 1)
        yield ours, bare


def _fill_library(client: httpx.Client, count: int) -> None:
    progress(f"uploading {count} recordings")

    def upload(number: int) -> None:
        query = {"process": "false", "name": f"noise {number}.wav"}
        client.post("/api/media", params=query, content=second_of_noise(number)).raise_for_status()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upload, range(count)))


def _start_transcription(client: httpx.Client, folder: Path) -> Work:
    """Upload the long recording, which completes the list, and wait for its first words."""
    progress("transcribing a long recording up to its first words")
    with write_long_lecture(folder / "long.wav", LECTURES).open("rb") as file:
        media = client.post("/api/media", params={"name": "long.wav"}, content=file).raise_for_status().json()
    listed = client.get("/api/media").raise_for_status().json()["items"]
    require(len(listed) == MEDIA, f"the list has {len(listed)} media instead of {MEDIA}")
    _wait_for_words(client, media["job"]["id"])
    return Work(client, media["job"]["id"])


def _wait_for_words(client: httpx.Client, job_id: str) -> None:
    deadline = time.monotonic() + TRANSCRIBING_SECONDS
    job: dict[str, Any] = {"progress": 0.0, "status": "queued"}
    while not job["progress"] and job["status"] in {"queued", "running"}:
        require(time.monotonic() < deadline, "the transcription did not begin in time")
        time.sleep(0.2)
        job = client.get(f"/api/jobs/{job_id}").raise_for_status().json()


def _bare_alone(bare: Server) -> list[Reply]:
    """Measure the bare application, at its half of the rate, before anything is transcribed."""
    progress("measuring the bare application alone")
    target = Target(bare.port, "/")
    drive([target], rate=RATE / 2, seconds=WARM_SECONDS)
    (replies,) = drive([target], rate=RATE / 2, seconds=IDLE_SECONDS)
    _check(replies)
    return replies


def _compare(ours: Server, bare: Server) -> dict[str, Comparison]:
    """Ask both in turn, the endpoints in slices. Raises InvalidMeasureError unless all was answered."""
    targets = {name: [Target(ours.port, path), Target(bare.port, "/")] for name, path in ENDPOINTS.items()}
    for pair in targets.values():
        drive(pair, rate=RATE, seconds=WARM_SECONDS)
    compared = dict.fromkeys(ENDPOINTS, Comparison())
    for turn in range(1, SLICES + 1):
        for name, pair in targets.items():
            progress(f"asking for {ENDPOINTS[name]} ({turn} of {SLICES})")
            compared[name] = compared[name].with_slice(*drive(pair, rate=RATE, seconds=SLICE_SECONDS))
    return compared


def _check(replies: Sequence[Reply]) -> None:
    """See that every request was answered with the same success. Raises InvalidMeasureError."""
    statuses = sorted({reply.status for reply in replies})
    require(statuses == [200], f"not every answer was 200: {statuses}")


def _times(replies: Sequence[Reply]) -> dict[str, float]:
    """Return milliseconds; `late_p99` is what the generator itself lost before sending, and part of the others."""
    return {
        "p50": round(percentile(_ms(replies), 0.5), 2),
        "p99": round(_p99(_ms(replies)), 2),
        "max": round(max(_ms(replies)), 2),
        "late_p99": round(_p99([reply.late_ms for reply in replies]), 2),
    }


def _p99(values: Sequence[float]) -> float:
    return percentile(values, 0.99)


def _ms(replies: Sequence[Reply]) -> list[float]:
    return [reply.ms for reply in replies]


def _ms_less_late(replies: Sequence[Reply]) -> list[float]:
    return [reply.ms - reply.late_ms for reply in replies]


if __name__ == "__main__":
    main()

"""What it costs to bring the same recording again, and to transcribe it again.

    python bench/again.py

A recording of ten minutes is uploaded and transcribed once. Then its owner brings it again with the hash of its content
(`?sha256=`) and no body, asks for the same transcription again, for one in another language, which has to be heard anew, and
for the first one once more. Each time counts: bytes of body that the web process received (its own counter), processes that
were started to decode (the worker's log), window files that were written, windows that the engine heard, and seconds until
the job is completed. On SQLite and, where a server answers (TEST_POSTGRES_URL), on PostgreSQL. Prints one JSON line with the
sums of what should have been spared last. Takes less than a minute.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.cluster import WORKERS_LOG, Cluster, on_each_database
from harness.databases import Kind
from harness.recordings import write_pieces
from harness.report import progress, publish, require
from harness.work import Segments, completed, segments_of, upload

PIECES = 60  # of ten seconds
LONGEST_SECONDS = 60.0
OTHER_LANGUAGE = "fr"
DECODER_STARTED = re.compile(rb"decoder\.given")
SETTINGS = {
    "STT__MODEL": "0.05",  # seconds that the engine takes for a window
    "JOBS__CONCURRENCY": "1",
    "LOG__LEVEL": "DEBUG",  # tells which processes are started
    "LOG__FORMAT": "json",
}
SPARED = ("upload again", "same job again", "other language", "first parameters again")
HEARD_ANEW = {"first time", "other language"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step took."""

    seconds: float
    bytes: int
    decoders: int
    windows_decoded: int
    windows_heard: int
    segments: Segments

    def to_json(self) -> dict[str, object]:
        return {
            "seconds": round(self.seconds, 3),
            "bytes": self.bytes,
            "decoders": self.decoders,
            "windows_decoded": self.windows_decoded,
            "windows_heard": self.windows_heard,
        }


@dataclass(frozen=True, slots=True)
class Installation:
    """The processes and what they have done so far."""

    cluster: Cluster

    def cost(self, work: Callable[[], str]) -> Cost:
        """Do the work, which returns the medium's id, and tell what it took. Raises InvalidMeasureError."""
        log, received = self.cluster.log.from_now(), self._received()
        decoders, files = self._decoders(), self._window_files()
        started = time.monotonic()
        media = work()
        seconds = time.monotonic() - started
        return Cost(
            seconds=seconds,
            bytes=self._received() - received,
            decoders=self._decoders() - decoders,
            windows_decoded=len(self._window_files() - files),
            windows_heard=len(log.listenings()),
            segments=segments_of(self.cluster.client, media),
        )

    def _received(self) -> int:
        text = self.cluster.client.get("/metrics").raise_for_status().text
        found = re.search(r"^videochat_upload_bytes_total (\S+)$", text, re.MULTILINE)
        require(found is not None, "the service does not count the bytes that it receives")
        return int(float(found[1])) if found else 0

    def _decoders(self) -> int:
        return len(DECODER_STARTED.findall((self.cluster.folder / WORKERS_LOG).read_bytes()))

    def _window_files(self) -> set[tuple[str, int, int]]:
        """Return name, inode and time of every window; one that was written again differs."""
        files = (self.cluster.folder / "data" / "blobs" / "windows").rglob("*.flac")
        return {(str(file), file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    costs = on_each_database(1, SETTINGS, _costs)
    size = next(iter(costs.values()))["first time"].bytes
    tables = {kind: {step: cost.to_json() for step, cost in of_kind.items()} for kind, of_kind in costs.items()}
    return {"recording_seconds": PIECES * 10, "recording_bytes": size, **tables, **summary(costs)}


def summary(costs: Mapping[Kind, Mapping[str, Cost]]) -> dict[str, object]:
    """Return what was sent and decoded again in all steps together."""
    again = [of_kind[step] for of_kind in costs.values() for step in SPARED]
    sums = {
        "bytes": sum(cost.bytes for cost in again),
        "decoders": sum(cost.decoders for cost in again),
        "windows_decoded": sum(cost.windows_decoded for cost in again),
    }
    return {"target": dict.fromkeys(sums, 0), "met": not any(sums.values()), **sums}


def _costs(cluster: Cluster) -> dict[str, Cost]:
    recording = write_pieces(cluster.folder / "talk.wav", PIECES)
    installation = Installation(cluster)
    costs = {}
    for step, work in _steps(cluster.client, recording).items():
        progress(f"{step} on {cluster.kind}")
        costs[step] = installation.cost(work)
    _check(costs, recording.stat().st_size)
    return costs


def _steps(client: httpx.Client, recording: Path) -> dict[str, Callable[[], str]]:
    """Return what is done, in order; each step returns the medium's id."""
    sha256 = hashlib.sha256(recording.read_bytes()).hexdigest()

    media: list[str] = []

    def first() -> str:
        media.append(_transcribed(client, upload(client, recording)))
        return media[0]

    def known() -> str:
        return str(client.post("/api/media", params={"sha256": sha256}).raise_for_status().json()["id"])

    return {
        "first time": first,
        "upload again": known,
        "same job again": lambda: _transcribed(client, media[0]),
        "other language": lambda: _transcribed(client, media[0], language=OTHER_LANGUAGE),
        "first parameters again": lambda: _transcribed(client, media[0]),
    }


def _transcribed(client: httpx.Client, media: str, **choices: str) -> str:
    completed(client, media, LONGEST_SECONDS, **choices)
    return media


def _check(costs: Mapping[str, Cost], size: int) -> None:
    """Make sure that the first time did the whole work and that every text is the same. Raises InvalidMeasureError."""
    first = costs["first time"]
    require(first.bytes == size, f"{first.bytes} bytes were counted instead of {size}")
    require(first.decoders == 1, f"{first.decoders} decoders were seen the first time instead of one")
    require(first.windows_decoded > 1, "the first time left no window files")
    for step, cost in costs.items():
        expected = first.windows_decoded if step in HEARD_ANEW else 0
        require(cost.windows_heard == expected, f"{step}: {cost.windows_heard} windows were heard, not {expected}")
        require(cost.segments == first.segments, f"{step}: the text is another")


if __name__ == "__main__":
    main()

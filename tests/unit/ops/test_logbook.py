"""Reading log files backwards: in order, bounded, and indifferent to what is broken."""

from __future__ import annotations

import json
import os
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from videochat.errors import InvalidError
from videochat.ops import logbook
from videochat.ops.logbook import Line, Position, Wanted, read
from videochat.sections import MIB

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYTHING = Wanted()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(seconds: float, event: str = "said", **values: Any) -> str:
    stamp = at(seconds).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": event, "level": "info", "timestamp": stamp, **values})


def write(folder: Path, process: str, *lines: str, start: float = 0, end: float = 10_000) -> Path:
    """Write a file as a process that began and ended then leaves it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{process}-{at(start).strftime('%Y%m%dT%H%M%S%fZ')}.jsonl"
    path.write_text("".join(f"{one}\n" for one in lines))
    os.utime(path, (at(end).timestamp(),) * 2)
    return path


def said(lines: tuple[Line, ...]) -> list[str]:
    return [one["event"] for one in lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def test_the_lines_of_all_processes_come_newest_first(folder: Path) -> None:
    """Each says which process wrote it, as the resources name it."""
    write(folder, "web-my-host-7", line(1, "a"), line(4, "d"))
    write(folder, "worker-my-host-8", line(2, "b"), line(3, "c"), line(5, "e"))
    found = read(folder, EVERYTHING, 10)
    assert said(found.lines) == ["e", "d", "c", "b", "a"]
    assert [one["process"] for one in found.lines][:2] == ["worker@my-host:8", "web@my-host:7"]
    assert (found.before, found.complete) == (None, True)
    assert read(folder / "missing", EVERYTHING, 10).lines == ()


@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        (Wanted(level="warning"), ["d", "c"]),
        (Wanted(since=at(3)), ["d", "c"]),
        (Wanted(until=at(2)), ["b", "a"]),
        (Wanted(request="r1"), ["d", "a"]),
        (Wanted(job="j1"), ["b"]),
        (Wanted(text="GRÜSSE"), ["c"]),
        (Wanted(level="error", request="r1", since=at(0), until=at(9)), ["d"]),
    ],
)
def test_lines_are_chosen(folder: Path, wanted: Wanted, events: list[str]) -> None:
    """By level or worse, time, request, job and text, all together."""
    write(
        folder, "web-h-1",
        line(1, "a", request_id="r1"), line(2, "b", job="j1"),
        line(3, "c", level="warning", detail=["grüsse"]), line(4, "d", level="error", request_id="r1"),
    )  # fmt: skip
    assert said(read(folder, wanted, 10).lines) == events


def test_pages_have_every_line_once(folder: Path) -> None:
    """Also lines of the same moment, of several files, of one that grew meanwhile, and where threads wrote out of order."""
    for n in range(3):
        times = sorted(k // 3 for k in range(300))
        times[50], times[51] = times[51] + 0.5, times[50]
        write(folder, f"web-h-{n}", *(line(seconds, f"{n}.{k}") for k, seconds in enumerate(times)))
    whole, pages, before = read(folder, EVERYTHING, 1000), [], None
    while True:
        page = read(folder, EVERYTHING, 7, before)
        pages += page.lines
        write(folder, "web-h-9", line(5000, "new"), start=5000, end=5001)
        if page.before is None:
            break
        before = Position.parse(str(page.before))
    assert pages == [*whole.lines]
    assert len({*said(whole.lines)}) == 900


def test_what_is_broken_is_passed_over(folder: Path) -> None:
    """Torn, foreign, endless lines and files without any; the rest of the file counts."""
    path = write(
        folder,
        "web-h-1",
        line(1, "a"),
        '{"event": "torn',
        "[1]",
        '{"timestamp": 7}',
        '{"timestamp": "2026-01-01T00:00:00"}',
    )
    with path.open("ab") as file:
        file.write(b"\xff\x00\n" + b"{" * 700_000 + b"\n" + line(2, "b").encode() + b"\n" + line(3, "c").encode()[:-5])
    write(folder, "stranger")
    (folder / "notes.txt").write_text(line(9, "no log"))
    assert said(read(folder, EVERYTHING, 10).lines) == ["b", "a"]


def test_a_search_that_finds_nothing_ends_and_goes_on_where_it_was(folder: Path) -> None:
    """It says that it was given up, reads no more than it may, and the next one takes up the rest."""
    write(folder, "web-h-1", *(line(n, "needle" if n == 7 else "hay" * 30) for n in range(20_000)))
    before, rounds = None, 0
    while True:
        found = read(folder, Wanted(text="needle"), 10, before, most=MIB)
        rounds += 1
        if found.complete:
            break
        assert found.lines == ()
        assert found.before is not None
        before = found.before
    assert said(found.lines) == ["needle"]
    assert 2 <= rounds <= 5


def test_what_is_far_back_is_found_without_reading_what_is_newer(folder: Path) -> None:
    """A place in the middle of a large file costs a few blocks, and files of another time are not opened."""
    write(folder, "web-h-1", *(line(n, f"{n} {'x' * 200}") for n in range(20_000)), end=20_000)
    write(folder, "web-h-2", *(line(n, "later") for n in range(30_000, 60_000)), start=30_000, end=60_000)
    found = read(folder, Wanted(until=at(10_000), since=at(9_990)), 100, most=MIB)
    assert [event.split()[0] for event in said(found.lines)] == [str(n) for n in range(10_000, 9_989, -1)]
    assert found.complete


def test_large_answers_are_cut_into_pages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat whatever the lines are like."""
    monkeypatch.setattr(logbook, "MOST_ANSWERED", 100_000)
    write(folder, "web-h-1", *(line(n, "y" * 20_000) for n in range(300)))
    tracemalloc.start()
    found = read(folder, EVERYTHING, 500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.lines) == 5
    assert found.before is not None
    assert peak < 2 * MIB


@pytest.mark.parametrize("text", ["", "x", "2026-01-01T00:00:00Z~x~f", "2026-01-01T00:00:00~1~f"])
def test_a_position_that_nobody_named_is_refused(text: str) -> None:
    """A cursor is what an answer named; it is never a path that is opened."""
    with pytest.raises(InvalidError):
        Position.parse(text)

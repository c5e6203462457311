"""The library on the command line."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path

from e2e.conftest import VIDEOCHAT, environment
from e2e.test_cli import videochat
from library import add_media
from recordings import lecture_wav
from videochat.cli.listing import PAGE
from videochat.store.migrate import migrate
from videochat.store.session import open_database


async def fill(data: Path, count: int) -> None:
    """Put so many media into the library of this folder."""
    await asyncio.to_thread(data.mkdir)
    url = f"sqlite:///{data / 'videochat.db'}"
    await migrate(url)
    database = open_database(url)
    for n in range(count):
        await add_media(database, f"med_{n:04d}", duration=None if n == 7 else 3661.0)
    await database.close()


def in_terminal(data: Path, *arguments: str, columns: int) -> str:
    """Return what a command shows in a terminal of this width."""
    master, slave = pty.openpty()
    settings = {**environment(data), "COLUMNS": str(columns), "TERM": "dumb"}
    with subprocess.Popen(
        [*VIDEOCHAT, *arguments], env=settings, cwd=data.parent, stdin=slave, stdout=slave
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:  # Linux says so at the end of a terminal
            pass
    os.close(master)
    assert process.returncode == 0
    return shown.decode()


async def test_the_whole_library_is_listed_once_and_newest_first(tmp_path: Path) -> None:
    """More than two pages come through a pipe as one list, with tabs and nothing else between the columns."""
    count = 2 * PAGE + 3
    await fill(tmp_path / "data", count)
    listed = await asyncio.to_thread(videochat, tmp_path / "data", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [row[0] for row in rows] == [f"med_{n:04d}" for n in reversed(range(count))]
    assert rows[0][1:] == [f"med_{count - 1:04d}.mp4", "1:01:01", "ready", "2026-01-01T00:00:00+00:00"]
    assert rows[-8][2] == "–"
    some = await asyncio.to_thread(videochat, tmp_path / "data", "list", "MED_000")
    assert len(some.stdout.splitlines()) == 10


async def test_a_terminal_shows_a_table_that_fits(tmp_path: Path) -> None:
    """Columns have one head and stand under each other on all pages; a narrow terminal keeps room for names."""
    count = PAGE + 2
    await fill(tmp_path / "data", count)
    for columns in (80, 120):
        shown = await asyncio.to_thread(in_terminal, tmp_path / "data", "list", columns=columns)
        lines = shown.splitlines()
        assert lines[0].split() == ["id", "name", "duration", "status", "added"]
        assert len(lines) == count + 1
        assert {line.index("ready") for line in lines[1:]} == {lines[0].index("status")}
        assert max(map(len, lines)) <= columns


def test_a_recording_has_one_id_everywhere(tmp_path: Path) -> None:
    """The transcript as JSON and the list name the id that other commands take."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=4)
    transcribed = videochat(tmp_path / "data", "transcribe", str(recording), "--json")
    medium = json.loads(transcribed.stdout)["media_id"]
    listed = json.loads(videochat(tmp_path / "data", "list", "--json").stdout)
    assert (listed["id"], listed["name"], listed["status"]) == (medium, "talk.wav", "ready")
    assert videochat(tmp_path / "data", "export", medium).returncode == 0


def test_nothing_found_is_said_beside_the_empty_list(tmp_path: Path) -> None:
    """An empty library and a word that no name contains: the list is empty, and stderr says what to do."""
    empty = videochat(tmp_path / "data", "list")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "videochat transcribe FILE" in empty.stderr
    assert "contains 'zzz'" in videochat(tmp_path / "data", "list", "zzz").stderr

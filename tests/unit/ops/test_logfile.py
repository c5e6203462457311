"""Log files: lines of a process in files of its own, bounded together, and never in the way of the service."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

import pytest
import structlog

from videochat.ops import logfile
from videochat.ops.logfile import Bounds, LogFile, prune
from videochat.ops.logging import configure_child_logging, configure_logging, for_children, take_up
from videochat.ops.redaction import BLANK
from videochat.sections import MIB
from videochat.settings import Settings

LINE = "x" * 99 + "\n"


pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def lines(folder: Path) -> list[dict[str, str]]:
    """Return all lines of all files."""
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


def sizes(folder: Path) -> list[int]:
    return [file.stat().st_size for file in folder.iterdir()]


def test_what_a_full_file_cannot_take_begins_the_next(folder: Path) -> None:
    """No file grows beyond its share, and all of them together not beyond the whole; the newest lines are kept."""
    bounds = Bounds(folder, 8000, 1)
    file = LogFile(bounds, "web-host-1")
    for n in range(200):
        file.write(f"{n:99}\n")
    file.close()
    assert max(sizes(folder)) == bounds.file_bytes == 1000
    assert 6000 <= sum(sizes(folder)) <= 8000
    assert max(folder.iterdir()).read_text().endswith(" 199\n")


def test_old_files_go(folder: Path) -> None:
    """Those of dead processes too; other people's files in the folder stay."""
    folder.mkdir()
    for name, days in (("web-a-1-x.jsonl", 3), ("worker-a-2-x.jsonl", 1), ("notes.txt", 9)):
        (folder / name).write_text(LINE)
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    assert prune(Bounds(folder, MIB, 2)) == 1
    assert {file.name for file in folder.iterdir()} == {"worker-a-2-x.jsonl", "notes.txt"}
    assert prune(Bounds(folder / "missing", MIB, 2)) == 0


def test_who_loses_its_file_begins_another(folder: Path) -> None:
    """An idle process's file may be the oldest and go; what it says later is written all the same."""
    file = LogFile(Bounds(folder, MIB, 1), "web-host-1")
    file.write(LINE)
    for old in folder.iterdir():
        old.unlink()
    file.write("later\n")
    file.close()
    assert [path.read_text() for path in folder.iterdir()] == ["later\n"]


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The service goes on with stderr, is not flooded, and says how much is missing when it can write again."""
    in_the_way = tmp_path / "logs"
    in_the_way.write_text("a file where the folder should be")
    configure_logging(Settings(data_dir=tmp_path, log={"format": "json"}), "web")
    log = structlog.get_logger()
    for n in range(50):
        log.info("said", n=n)
    in_the_way.unlink()
    files = logging.getLogger().handlers[1].stream
    files._retry_at = 0.0
    log.info("again")
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events.count("said") == 50
    complaints = [event for event in events if event.startswith("Log files")]
    assert complaints == [
        "Log files cannot be written (File exists); lines are on stderr only.",
        "Log files can be written again; they lack 51 lines.",
    ]
    assert [line["event"] for line in lines(in_the_way)] == ["again", complaints[1]]


def test_lines_of_ours_and_of_libraries_are_in_the_file_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In values, in tracebacks and in what libraries say; a key from the environment and one that came later too."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-in-environment")
    settings = Settings(data_dir=tmp_path, ai={"api_key": "planted-at-start"})
    configure_logging(settings, "web")
    take_up(settings.model_copy(update={"ai": settings.ai.model_copy(update={"api_key": "planted-later"})}))
    take_up(Settings(data_dir=tmp_path, ai={"api_key": "planted-later"}))
    error = ValueError("planted-at-start is wrong")
    structlog.get_logger().error("ours", exc_info=error, detail={"tried": ["planted-later"]})
    logging.getLogger("library").error("theirs: %s", "planted-in-environment", exc_info=error)
    written = "".join(file.read_text() for file in (tmp_path / "logs").iterdir())
    blank = json.dumps(BLANK)[1:-1]
    for place in (written, capsys.readouterr().err):
        assert "planted" not in place
        assert place.count(f"ValueError: {blank} is wrong") == 2
    assert [line["event"] for line in lines(tmp_path / "logs")] == ["ours", "theirs: …"]


def test_an_event_is_one_line_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a stranger has put into it begins no line and moves no cursor; tracebacks stand below it, secrets nowhere."""
    forged = "/a\n2026-01-01 [error] forged\r\x1b[2J\x9b\u2028"
    configure_logging(Settings(data_dir=tmp_path, log={"format": "console"}, ai={"api_key": "planted-key"}))
    structlog.get_logger().info("request", path=forged, unspaced="x\x1b[2Jy", tried=["planted-key", forged])
    logging.getLogger("library").warning("%s was refused: planted-key\n", forged)
    logging.getLogger("library").error("it failed", exc_info=ValueError(f"\x1b[2J{forged} planted-key"))
    written = capsys.readouterr().err
    ours, theirs, failed = [line for line in written.splitlines() if not line.startswith("    ")]
    assert ("request" in ours, "was refused" in theirs, "it failed" in failed) == (True, True, True)
    assert all(character.isprintable() for character in written.replace("\n", ""))
    assert "planted" not in written


def test_a_line_that_cannot_be_formatted_gives_nothing_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever said it goes on; where it came from is shown, what it was about is not."""
    configure_logging(Settings(data_dir=tmp_path), "web")
    logging.getLogger("library").warning("%d", "planted")
    assert capsys.readouterr().err.count("test_logfile.py") == 2
    assert "planted" not in capsys.readouterr().err


def test_commands_write_no_files(tmp_path: Path) -> None:
    """Nor do processes that are told not to, nor the children of either."""
    for settings, role in (
        (Settings(data_dir=tmp_path), None),
        (Settings(data_dir=tmp_path, log={"files": False}), "web"),
    ):
        configure_logging(settings, role)
        structlog.get_logger().warning("said")
        assert for_children(settings) == {"LOG__LEVEL": "INFO", "LOG__FORMAT": "auto"}
    assert not (tmp_path / "logs").exists()


def test_children_of_a_service_write_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an engine says is found where its worker's lines are; one that says nothing leaves no file."""
    settings = Settings(data_dir=tmp_path, log={"level": "WARNING", "keep_days": 2})
    configure_logging(settings, "worker")
    for name, value in for_children(settings).items():
        monkeypatch.setenv(name, value)
    configure_child_logging("engine")
    structlog.get_logger().info("not said")
    assert not (tmp_path / "logs").exists()
    structlog.get_logger().warning("said")
    (file,) = (tmp_path / "logs").iterdir()
    assert file.name.startswith("engine-")
    assert file.suffix == logfile.SUFFIX

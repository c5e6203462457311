"""The commands of the README, as processes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from e2e.conftest import VIDEOCHAT, environment
from recordings import lecture_wav


def videochat(data: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end in an empty folder."""
    data.parent.mkdir(exist_ok=True)
    return subprocess.run(
        [*VIDEOCHAT, *arguments], env=environment(data, **settings), cwd=data.parent, capture_output=True, text=True,
        timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def test_the_demo_prints_transcript_and_cited_answer_and_the_second_run_is_quick(tmp_path: Path) -> None:
    """Without key, model or server: exit status 0, the words, and an answer whose time lies in the right sentence."""
    data = tmp_path / "data"
    first = videochat(data, "demo", STT__ENGINE="auto")
    assert first.returncode == 0, first.stderr
    assert "green chemical catches the light of the sun" in first.stdout
    assert "basic offline recogniser" in first.stdout + first.stderr
    answer = first.stdout.split("How does the tree make the red color?")[1]
    hours, minutes, seconds = map(int, re.search(r"\[(\d+):(\d\d):(\d\d)\]", answer).groups())
    assert 39 <= hours * 3600 + minutes * 60 + seconds <= 43
    second = videochat(data, "demo", STT__ENGINE="auto")
    assert second.stdout == first.stdout


def test_transcribe_writes_a_valid_subtitle_file(tmp_path: Path) -> None:
    """Cues are numbered, in order, and end with the recording."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=8)
    out = tmp_path / "out" / "talk.srt"
    done = videochat(tmp_path / "data", "transcribe", str(recording), "-f", "srt", "-o", str(out))
    assert done.returncode == 0, done.stderr
    cues = re.findall(r"(\d+)\n(\S+) --> (\S+)\n(.+)", out.read_text())
    assert [int(number) for number, *_ in cues] == list(range(1, len(cues) + 1))
    times = [time for _, start, end, _ in cues for time in (start, end)]
    assert times == sorted(times)
    assert "00:00:05,000" < times[-1] <= "00:00:08,000"


def test_ask_answers_with_a_time_and_as_json(tmp_path: Path) -> None:
    """A question about a file that was never seen before transcribes it first."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=14)
    done = videochat(tmp_path / "data", "ask", str(recording), "What catches the light of the sun?", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert 10.5 <= answer["citations"][0]["start"] <= 13.7
    in_library = videochat(tmp_path / "data", "ask", "library", "Which colors do trees change to?")
    assert "[0:00:0" in in_library.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["transcribe", "missing.mp4"], "There is no file missing.mp4. [not_found]"),
        (["transcribe", "empty.mp4"], "[media_empty]"),
        (["transcribe", "text.mp4"], "[media_unreadable]"),
        (["transcribe", "concat.mp4"], "[media_unreadable]"),
        (["transcribe", "https://example.invalid/talk"], "[unsupported]"),
        (["transcribe", "text.mp4", "-f", "docx"], "There is no format 'docx'"),
        (["transcribe", "talk.wav", "--language", "zh"], "STT__MODEL"),
        (["transcribe", "talk.wav", "--engine", "nonsense"], "there is no engine 'nonsense'"),
        (["ask", "med_unknown", "what?"], "[not_found]"),
        (["export", "med_unknown"], "[not_found]"),
        (["serve", "--host", "0.0.0.0"], "sign-in"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    """Whatever is wrong: exit status 1, one line with the reason and a code, no traceback."""
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a recording")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile talk.wav\n")
    lecture_wav(tmp_path / "talk.wav", seconds=2)
    done = videochat(tmp_path / "data", *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_a_port_in_use_and_a_wrong_setting_are_said(tmp_path: Path) -> None:
    """Neither starts half a service."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = videochat(tmp_path / "data", "serve", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "[port_in_use]" in done.stderr) == (1, True)
    wrong = videochat(tmp_path / "data", "doctor", SERVER__PORT="99999")
    assert "Setting SERVER__PORT" in wrong.stderr


def test_a_provider_that_cannot_be_reached_or_refuses_is_said(tmp_path: Path) -> None:
    """The answer is an error with a code, never an empty success."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=4)
    done = videochat(
        tmp_path / "data", "ask", str(recording), "Which colors?",
        AI__API_KEY="k", AI__BASE_URL="http://127.0.0.1:9/v1", AI__MAX_RETRIES="0",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "[provider_unavailable]" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The message names the setting to change."""
    (tmp_path / "locked").mkdir(mode=0o500)
    done = videochat(tmp_path / "locked" / "data", "doctor")
    assert (done.returncode, "DATA_DIR" in done.stdout) == (1, True)

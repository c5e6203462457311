"""The commands of the README, as processes."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest

from e2e.conftest import VIDEOCHAT, environment
from media_files import cut_off
from recordings import lecture_wav
from stub_embedder import stub_embedder, stub_meaning
from stub_provider import Reply, stub_provider
from videochat.app import open_app
from videochat.ops.actor import Actor
from videochat.settings import Settings
from website import Page, website


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
    assert "{" not in first.stderr  # log lines are for those who ask with --debug
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


def test_several_recordings_stay_apart_and_are_noted_once(tmp_path: Path) -> None:
    """Texts come under their files' names, JSON comes line by line, and one note at the end is for all."""
    one, two = (str(lecture_wav(tmp_path / f"{n}.wav", seconds=n)) for n in (3, 4))
    texts = videochat(tmp_path / "data", "transcribe", one, two)
    assert texts.returncode == 0, texts.stderr
    assert [line for line in texts.stdout.splitlines() if line.startswith("==>")] == [
        f"==> {one} <==",
        f"==> {two} <==",
    ]
    assert texts.stderr.count("basic offline recogniser") == 1
    lines = videochat(tmp_path / "data", "transcribe", one, two, "--json").stdout.splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["3.wav", "4.wav"]
    assert all(json.loads(line)["segments"] for line in lines)


def test_a_file_that_is_cut_off_gives_what_is_there_and_an_error(tmp_path: Path) -> None:
    """One command is enough: the words are written, on the terminal or into a file, and then it says what is missing."""
    cut = str(cut_off(lecture_wav(tmp_path / "talk.wav", 10), 0.5))
    for place in ([], ["-o", "talk.md"]):
        ended = videochat(tmp_path / "data", "transcribe", cut, *place)
        assert ended.returncode == 1
        assert "welcome" in ((tmp_path / "talk.md").read_text() if place else ended.stdout)
        assert re.search(r"5 of its 10 seconds are missing.*\[media_cut_off\]$", ended.stderr.strip()), ended.stderr
    assert "Incomplete: it ends at 0:00:0" in (tmp_path / "talk.md").read_text()


def test_what_is_said_of_words_goes_with_them(tmp_path: Path) -> None:
    """Who exports or asks is told of the basic recogniser and of what is missing, once each and not within the text."""
    cut = str(cut_off(lecture_wav(tmp_path / "talk.wav", 10), 0.5))
    asked = videochat(tmp_path / "data", "ask", cut, "What is welcome?")
    assert asked.returncode == 0, asked.stderr
    assert "[0:00:0" in asked.stdout
    assert "[media_cut_off]" in asked.stderr
    name = Path(cut).name
    for command in (["export", name], ["export", name, "-f", "srt"], ["ask", name, "Who is welcome?"]):
        read = videochat(tmp_path / "data", *command)
        assert read.returncode == 0, read.stderr
        assert read.stderr.count("Transcribed by the basic offline recogniser") == 1
        assert "basic" not in read.stdout
        if command[0] == "export":
            assert re.search(r"Incomplete: it ends at 0:00:0\d; its .* has failed: .* missing", read.stderr)
        else:
            assert "Part of the recordings is not transcribed" in read.stderr
    library = videochat(tmp_path / "data", "ask", "library", "Who is welcome?", "--json")
    assert json.loads(library.stdout)["citations"]
    assert library.stderr.startswith("Transcribed by the basic offline recogniser")


def test_ask_answers_with_a_time_and_as_json(tmp_path: Path) -> None:
    """A question about a file that was never seen before transcribes it first."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=14)
    done = videochat(
        tmp_path / "data", "ask", str(recording), "What catches the light of the sun?", "--json", STT__ENGINE="auto"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert 10.5 <= answer["citations"][0]["start"] <= 13.7
    assert done.stderr == "" or done.stderr.startswith("Transcribed by the basic offline recogniser")
    in_library = videochat(tmp_path / "data", "ask", "library", "Which colors do trees change to?")
    assert "[0:00:0" in in_library.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["transcribe", "missing.mp4"], "There is no file missing.mp4. [not_found]"),
        (["transcribe", "."], ". is a folder"),
        (["transcribe", "empty.mp4"], "empty.mp4: The file is empty. [media_empty]"),
        (["transcribe", "text.mp4"], "videochat: text.mp4: "),
        (
            ["transcribe", "talk.wav", "--engine", "faster-whisper", "--model", "/nope"],
            "The folder /nope holds no faster",
        ),
        (["transcribe", "concat.mp4"], "[media_unreadable]"),
        (["transcribe", "ftp://example.invalid/talk"], "This is no link"),
        (["transcribe", "text.mp4", "-f", "docx"], "There is no format 'docx'"),
        (["transcribe", "talk.wav", "--language", "zh"], "STT__MODEL"),
        (["transcribe", "talk.wav", "--engine", "nonsense"], "there is no engine 'nonsense'"),
        (["ask", "med_unknown", "what?"], "[not_found]"),
        (["ask", "missing.mp4", "what?"], "There is no file or recording missing.mp4; `videochat list` shows"),
        (["ask", "ftp://example.invalid/talk", "what?"], "[invalid]"),
        (["ask", "talk.wav", " "], "[invalid]"),
        (["ask", "talk.wav", "what? " * 1000], "[too_large]"),
        (["export", "med_unknown"], "[not_found]"),
        (["export", "n" * 300], "[not_found]"),
        (["export", "talk.wav"], "`videochat transcribe talk.wav` puts it there"),
        (["serve", "--host", "0.0.0.0"], "AUTH__MODE=users"),
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


@pytest.mark.parametrize("out", ["talk.wav", "other.wav", "talk.txt/x.txt"])
@pytest.mark.parametrize("command", ["transcribe", "export"])
def test_a_slip_of_the_output_costs_nothing(tmp_path: Path, command: str, out: str) -> None:
    """The recording and its neighbour stay as they are, and the error comes before anything is read."""
    talk = lecture_wav(tmp_path / "talk.wav", seconds=2)
    (tmp_path / "other.wav").write_bytes(b"another recording")
    (tmp_path / "talk.txt").write_text("a file")
    if command == "export":
        assert videochat(tmp_path / "data", "transcribe", "talk.wav").returncode == 0
    before = talk.read_bytes()
    done = videochat(tmp_path / "data", command, "talk.wav", "-o", out)
    assert (done.returncode, done.stdout) == (1, "")
    assert out in done.stderr
    assert talk.read_bytes() == before
    assert (tmp_path / "other.wav").read_bytes() == b"another recording"
    assert command == "export" or not list((tmp_path / "data").glob("blobs/**/*"))


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Not even root may write into /sys; the advice is not about the data folder."""
    lecture_wav(tmp_path / "talk.wav", seconds=2)
    done = videochat(tmp_path / "data", "transcribe", "talk.wav", "-o", "/sys/new/talk.srt")
    assert done.returncode == 1
    assert "/sys/new/talk.srt cannot be written" in done.stderr
    assert "DATA_DIR" not in done.stderr


def test_a_port_in_use_and_a_wrong_setting_are_said(tmp_path: Path) -> None:
    """Neither starts half a service."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = videochat(tmp_path / "data", "serve", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "[port_in_use]" in done.stderr) == (1, True)
    assert "SERVER__PORT=" in done.stderr  # --port cannot be given to `make serve`
    wrong = videochat(tmp_path / "data", "doctor", SERVER__PORT="99999")
    assert "Setting SERVER__PORT" in wrong.stderr


def test_an_engine_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    """With it every job fails, so doctor does not pass; the basic recogniser is only worth a hint."""
    wrong = videochat(tmp_path / "data", "doctor", STT__ENGINE="whisper")
    assert (wrong.returncode, bool(re.search(r"^problem +speech +whisper", wrong.stdout, re.MULTILINE))) == (1, True)
    basic = videochat(tmp_path / "data", "doctor")
    assert (basic.returncode, bool(re.search(r"^hint +speech +pocketsphinx", basic.stdout, re.MULTILINE))) == (0, True)


def test_doctor_knows_what_fetches_links_and_whether_the_embedder_answers(tmp_path: Path) -> None:
    """One line each, with the age and with the model; where no embedder is chosen there is no line for it."""
    with stub_meaning() as settings:
        good = videochat(tmp_path / "data", "doctor", **settings).stdout
    assert re.search(r"^(ok|hint) +links +yt-dlp [\d.]+, \d+ days? old", good, re.MULTILINE)
    assert re.search(r"^ok +meaning +openai \(stub\), answers$", good, re.MULTILINE)
    assert " meaning " not in videochat(tmp_path / "data", "doctor").stdout


async def test_an_embedder_that_refuses_the_key_is_a_problem(tmp_path: Path) -> None:
    """Doctor does not pass and names the setting to change, without the service's own words."""
    async with stub_embedder(401) as stub:
        settings = {"AI__EMBEDDING_MODEL": "stub", "AI__EMBEDDING_BASE_URL": stub.base_url}
        done = await asyncio.to_thread(videochat, tmp_path / "data", "doctor", **settings)
    assert done.returncode == 1
    assert re.search(r"^problem +meaning +openai \(stub\)\. .*AI__EMBEDDING_API_KEY\.$", done.stdout, re.MULTILINE)
    assert "secret-key" not in done.stdout + done.stderr


def test_a_provider_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    """The answer is an error with a code, never an empty success."""
    done = _asked(tmp_path, "http://127.0.0.1:9/v1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "[provider_unavailable]" in done.stderr


async def test_a_key_that_the_provider_refuses_is_said(tmp_path: Path) -> None:
    """A wrong key is named as such, with the setting to change, and neither the key nor the upstream's words are shown."""
    async with stub_provider(Reply(status=401)) as stub:
        done = await asyncio.to_thread(_asked, tmp_path, stub.base_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "set AI__API_KEY. [provider_denied]" in done.stderr
    assert "wrong-key" not in done.stderr
    assert "secret-key-in-upstream-message" not in done.stderr


def _asked(tmp_path: Path, base_url: str) -> subprocess.CompletedProcess[str]:
    recording = lecture_wav(tmp_path / "talk.wav", seconds=4)
    return videochat(
        tmp_path / "data", "ask", str(recording), "Which colors?",
        AI__API_KEY="wrong-key", AI__BASE_URL=base_url, AI__MAX_RETRIES="0",
    )  # fmt: skip


def test_a_link_is_transcribed_like_a_file(tmp_path: Path) -> None:
    """The words of what it leads to are printed, again when it is exported; without a word of permission it leads nowhere inside, and that is said."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=4)
    with website(talk__wav=Page(recording.read_bytes(), "audio/x-wav")) as there:
        inside = videochat(tmp_path / "data", "transcribe", there.url("/talk.wav"))
        assert (inside.returncode, inside.stdout, there.asked) == (1, "", [])
        assert "DOWNLOAD__ALLOW_PRIVATE. [source_private]" in inside.stderr
        done = videochat(tmp_path / "data", "transcribe", there.url("/talk.wav"), DOWNLOAD__ALLOW_PRIVATE="true")
        assert done.returncode == 0, done.stderr
        asked = len(there.asked)
        exported = videochat(tmp_path / "data", "export", there.url("/talk.wav"))
        assert (exported.stdout, len(there.asked)) == (done.stdout, asked)
    file = videochat(tmp_path / "other", "transcribe", str(recording))
    assert done.stdout == file.stdout != ""


async def test_an_account_is_exported_into_a_file_that_was_not_there(tmp_path: Path) -> None:
    """`users export` writes the recordings of that account byte for byte; a file that is there already stays as it is."""
    recording, out = lecture_wav(tmp_path / "talk.wav", seconds=2), tmp_path / "anna.zip"
    async with open_app(Settings(data_dir=tmp_path / "data")) as app:
        await app.access.add_user("Ada", "admin")
        anna = await app.access.add_user("Anna", "member")
        media, _ = await app.media.add_file(Actor(anna.id), recording)
    done = videochat(tmp_path / "data", "users", "export", "Anna", "-o", str(out))
    assert (done.returncode, done.stdout) == (0, f"Wrote all that Anna owns to {out}.\n"), done.stderr
    with zipfile.ZipFile(out) as archive:
        assert archive.read(f"recordings/{media.id}/talk.wav") == recording.read_bytes()
        assert json.loads(archive.read("account.json"))["usage"]["storage_bytes"] == media.size
    before = out.read_bytes()
    again = videochat(tmp_path / "data", "users", "export", "Ada", "-o", str(out))
    assert (again.returncode, out.read_bytes()) == (1, before)
    assert f"{out} cannot be written: File exists." in again.stderr


@pytest.mark.parametrize("arguments", [["doctor"], ["transcribe", "talk.wav"], ["serve", "--port", "8765"]])
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, arguments: list[str]) -> None:
    """Not even root may write into /sys: every command names the setting to change, in one line."""
    lecture_wav(tmp_path / "talk.wav", seconds=2)
    done = videochat(tmp_path / "unused", *arguments, DATA_DIR="/sys/videochat")
    assert done.returncode == 1
    assert "DATA_DIR" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """`config show` tells that keys are set and where the database is, and neither key nor password."""
    secrets = {"AI__API_KEY": "sk-planted", "DATABASE__URL": "postgresql://me:planted-password@db.example/videochat"}
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        shown = videochat(tmp_path / "data", *arguments, **secrets)
        assert shown.returncode == 0
        assert "postgresql://me:…@db.example/videochat" in shown.stdout.replace("\\u2026", "…")
        assert "planted" not in shown.stdout + shown.stderr
        assert "LOG__LEVEL = INFO" in shown.stdout or '"LOG__LEVEL": "INFO"' in shown.stdout  # not what commands log

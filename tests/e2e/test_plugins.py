"""The example package, built, installed without a network and used: by commands and by a running service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Service, free_port
from e2e.test_cli import videochat
from harness.plugin import install_plugin
from recordings import lecture_wav

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "videochat-shout"
TUTORIAL = ROOT / "docs" / "plugins" / "tutorial.md"
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)  # a name, then what is in it


def installed(source: Path, folder: Path) -> Path:
    """Build the package's wheel with what is here and unpack it into the folder, as pip does."""
    wheels = folder.with_name(f"{folder.name}-wheels")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)], cwd=source, check=True,
        capture_output=True, timeout=60,
    )  # fmt: skip
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder in which the example is installed."""
    return installed(EXAMPLE, tmp_path_factory.mktemp("example") / "packages")


@pytest.fixture
def path(packages: Path) -> str:
    """Give the PYTHONPATH of a process that has the example."""
    return os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_commands_have_its_format_and_its_provider(tmp_path: Path, path: str) -> None:
    """`-f tsv` and a file that ends so, an answer in capitals with a citation, links of its own, and doctor says where they come from."""
    talk = lecture_wav(tmp_path / "talk.wav", seconds=8)
    made = videochat(tmp_path / "data", "transcribe", str(talk), "-f", "tsv", PYTHONPATH=path)
    assert made.returncode == 0, made.stderr
    assert rows(made.stdout)[0] == ["start", "end", "talk.wav"]
    assert float(rows(made.stdout)[1][0]) < float(rows(made.stdout)[1][1]) <= 8
    written = videochat(tmp_path / "data", "export", "talk.wav", "-o", "talk.tsv", PYTHONPATH=path)
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "talk.tsv").read_text() == made.stdout
    asked = videochat(
        tmp_path / "data", "ask", "talk.wav", "Who is welcome?", "--json", PYTHONPATH=path, AI__PROVIDER="shout"
    )
    assert asked.returncode == 0, asked.stderr
    (citation,) = json.loads(asked.stdout)["citations"]
    assert (citation["check"], citation["quote"].upper() in json.loads(asked.stdout)["text"]) == ("verified", True)
    heard = videochat(tmp_path / "data", "transcribe", "https://shout.example/2", PYTHONPATH=path)
    assert heard.returncode == 0, heard.stderr
    wrong = videochat(tmp_path / "data", "transcribe", "https://shout.example/100", PYTHONPATH=path)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "A tone has 1 to 60 seconds. [source_failed]" in wrong.stderr
    doctor = videochat(tmp_path / "data", "doctor", PYTHONPATH=path)
    listed = re.findall(
        r"^ok +plugin +'(\w+)' of videochat\.(\w+) \(videochat-shout 0\.1\)$", doctor.stdout, re.MULTILINE
    )
    kinds = ("middleware", "notifiers", "providers", "sources")
    assert listed == [("tsv", "exporters"), *(("shout", kind) for kind in kinds)]
    assert "pydantic-ai" not in doctor.stdout


def test_a_service_has_all_of_it(serve: Callable[..., Service], tmp_path: Path, path: str) -> None:
    """Its format is offered and served with its media type, its header is on answers, its board gets the alert's test."""
    board = tmp_path / "board.txt"
    service = serve(
        PYTHONPATH=path, AI__PROVIDER="shout", SERVER__MIDDLEWARE='["shout"]',
        SERVER__MIDDLEWARE_OPTIONS='{"shout": {"word": "moin"}}', ALERTS__NOTIFY_URLS=json.dumps([f"shout://{board}"]),
    )  # fmt: skip
    talk = lecture_wav(tmp_path / "talk.wav", seconds=4)
    done = videochat(service.data, "transcribe", str(talk), PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    with service.client() as client:
        system = client.get("/api/system")
        assert system.headers["x-shout"] == "MOIN local"
        assert system.json()["formats"] == ["srt", "vtt", "txt", "md", "json", "tsv"]
        assert system.json()["provider"]["name"] == "shout"
        (media,) = client.get("/api/media").json()["items"]
        file = client.get(f"/api/media/{media['id']}/transcript", params={"format": "tsv"})
        assert file.headers["content-type"] == "text/tab-separated-values; charset=utf-8"
        assert file.headers["content-disposition"].endswith("talk.tsv")
        assert rows(file.text)[0] == ["start", "end", "talk.wav"]
        again = client.get(file.url, headers={"if-none-match": file.headers["etag"]})
        assert (again.status_code, again.headers["x-shout"]) == (304, "MOIN local")
        assert client.post("/api/ops/alerts/test").status_code == 200
    assert board.read_text().endswith("!\n")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"SERVER__MIDDLEWARE": '["whisper"]'}, "SERVER__MIDDLEWARE: there is no 'whisper'; known are broken, shout."),
        ({"SERVER__MIDDLEWARE": '["shout", "broken"]'}, "'broken' of videochat.middleware (broken-plugin 1.0)"),
        ({"AI__PROVIDER": "broken"}, "'broken' of videochat.providers (broken-plugin 1.0)"),
        ({"STORAGE__URL": "broken://x"}, "'broken' of videochat.blobs (broken-plugin 1.0)"),
        ({"ALERTS__NOTIFY_URLS": '["broken://x"]'}, "'broken' of videochat.notifiers (broken-plugin 1.0)"),
    ],
)
def test_what_cannot_be_used_ends_the_start_only_where_it_is_chosen(
    tmp_path: Path, path: str, settings: dict[str, str], says: str
) -> None:
    """One line and status 1; not chosen, the same broken package is a hint of doctor and nothing else."""
    groups = ["blobs", "engines", "exporters", "middleware", "notifiers", "providers"]
    install_plugin(tmp_path / "broken", "broken", {f"videochat.{group}": "no_such_module:Thing" for group in groups})
    everything = os.pathsep.join([str(tmp_path / "broken"), path])
    refused = videochat(tmp_path / "data", "serve", "--port", str(free_port()), PYTHONPATH=everything, **settings)
    (line,) = [line for line in refused.stderr.splitlines() if says in line]
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert line.startswith("videochat: ")
    doctor = videochat(tmp_path / "data", "doctor", PYTHONPATH=everything)
    assert (doctor.returncode, doctor.stdout.count("hint     plugin ")) == (0, len(groups))


def test_the_tutorial_works(tmp_path: Path) -> None:
    """The files of its first part, built and installed as they stand there, write karaoke."""
    for name, content in FILE.findall(TUTORIAL.read_text(encoding="utf-8")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    folder = installed(tmp_path / "videochat-lrc", tmp_path / "packages")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    talk = lecture_wav(tmp_path / "talk.wav", seconds=4)
    done = videochat(tmp_path / "data", "transcribe", str(talk), "-o", "talk.lrc", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    title, note, *lines = (tmp_path / "talk.lrc").read_text(encoding="utf-8").splitlines()
    assert title == "[ti:talk.wav]"
    assert note.startswith("[re:Transcribed by the basic offline recogniser")
    assert lines
    assert all(re.fullmatch(r"\[00:0\d\.\d\d\]\w.*", line) for line in lines)

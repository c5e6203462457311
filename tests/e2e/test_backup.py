"""Backup and restore, as processes, beside a service that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Service, start_service
from e2e.test_cli import videochat
from e2e.test_survival import SHORT_WINDOWS, texts, upload, wait_for
from recordings import lecture_wav


def test_a_library_moves_into_another_folder(serve: Callable[..., Service], tmp_path: Path) -> None:
    """Backed up while it is served and restored elsewhere, the same words are exported and the same answer is found."""
    service, kept, moved = serve(**SHORT_WINDOWS), tmp_path / "kept.tar", tmp_path / "moved"
    with service.client() as client:
        media, job = upload(client, lecture_wav(tmp_path / "talk.wav", seconds=14))
        wait_for(client, job, lambda state: state["status"] == "completed")
        assert texts(client, media)
    done = videochat(service.data, "backup", str(kept))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Backed up 1 recording in ")
    restored = videochat(moved, "restore", str(kept))
    assert (restored.returncode, restored.stderr) == (0, "")
    assert restored.stdout.startswith("Restored 1 recording, as of 20")
    exports = [videochat(data, "export", media, "-f", "json") for data in (service.data, moved)]
    assert "leaves" in exports[0].stdout
    assert exports[1].stdout == exports[0].stdout
    question = "Why do leaves turn red?"
    answers = [videochat(data, "ask", media, question) for data in (service.data, moved)]
    assert answers[1].stdout == answers[0].stdout


def test_a_service_goes_on_with_a_job_of_a_backup(serve: Callable[..., Service], tmp_path: Path) -> None:
    """A job that was running when the backup was made is completed by the service that starts on what was restored."""
    service, kept = serve(**SHORT_WINDOWS), tmp_path / "kept.tar"
    with service.client() as client:
        media, job = upload(client, lecture_wav(tmp_path / "talk.wav", seconds=40))
        wait_for(client, job, lambda state: state["progress"] > 0.1)
        assert videochat(service.data, "backup", str(kept)).returncode == 0
        wait_for(client, job, lambda state: state["status"] == "completed")
        undisturbed = texts(client, media)
    (tmp_path / "other").mkdir()
    assert videochat(tmp_path / "other" / "data", "restore", str(kept)).returncode == 0
    other = start_service(tmp_path / "other" / "data", **SHORT_WINDOWS)
    try:
        with other.client() as client:
            assert wait_for(client, job, lambda state: state["status"] == "completed")["attempts"] == 1
            assert texts(client, media) == undisturbed
    finally:
        other.process.terminate()
        other.process.wait(20)


def test_what_goes_wrong_is_one_line(tmp_path: Path) -> None:
    """A file that is there, one that is no backup and one that is not there: said on stderr, with the exit status 1."""
    (tmp_path / "kept.tar").write_text("a recording")
    for arguments, reason in (
        (
            ["backup", "kept.tar"],
            "videochat: kept.tar exists already: give another name, or remove it first. [invalid]\n",
        ),
        (["restore", "kept.tar"], "videochat: kept.tar is no backup of VideoChat. [backup_damaged]\n"),
        (["restore", "other.tar"], "videochat: There is no file other.tar. [not_found]\n"),
    ):
        done = videochat(tmp_path / "data", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", reason)
    assert (tmp_path / "kept.tar").read_text() == "a recording"

"""Files that mean harm, sent to a real service: each is refused or fails with a reason, and the service goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Service
from e2e.test_survival import wait_for
from media_files import HOSTILE, endless_silence, speech_like, without_sound, write_film
from recordings import lecture_wav


def test_what_is_no_recording_is_refused_with_a_code(serve: Callable[..., Service], tmp_path: Path) -> None:
    """Empty, text, page, playlist, absurd headers, cut off, without sound: a 422 with its code, and nothing is kept."""
    service = serve()
    (tmp_path / "empty").touch()
    without_sound(tmp_path / "silent film")
    refused = {"empty": "media_empty", "silent film": "media_no_audio"}
    for name, write in HOSTILE:
        write(tmp_path / name)
        refused[name] = "media_unreadable"
    with service.client() as client:
        for name, code in refused.items():
            answer = client.post("/api/media?name=talk.mp4", content=(tmp_path / name).read_bytes())
            assert (name, answer.status_code, answer.json()["code"]) == (name, 422, code)
            assert str(tmp_path) not in answer.text
        assert client.get("/api/media").json()["items"] == []
        assert [path for path in (service.data / "uploads").rglob("*") if path.is_file()] == []
        good = lecture_wav(tmp_path / "good.wav", 2).read_bytes()
        media = client.post("/api/media?name=good.wav", content=good).json()
        wait_for(client, media["job"]["id"], lambda state: state["status"] == "completed")


def test_what_turns_out_bad_while_it_is_decoded_fails_with_a_reason(
    serve: Callable[..., Service], tmp_path: Path
) -> None:
    """A film that is cut off in the middle gives what is there and says so; a hundred hours of silence end as too long."""
    service = serve(MEDIA__MAX_DURATION_HOURS="1")
    film = write_film(tmp_path / "film.mp4", 20, speech_like(20), front=True).read_bytes()
    silence = endless_silence(tmp_path / "silence.aac", 100)
    with service.client() as client:
        cut_off = client.post("/api/media?name=cut.mp4", content=film[: len(film) * 2 // 3])
        assert cut_off.status_code == 201
        ended = wait_for(client, cut_off.json()["job"]["id"], lambda state: state["finished_at"] is not None)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "media_cut_off")
        transcript = client.get(f"/api/media/{cut_off.json()['id']}/transcript").json()
        assert transcript["status"] == "failed"
        answer = client.post("/api/media?name=silence.aac", content=silence.read_bytes())
        if answer.status_code == 201:
            ended = wait_for(client, answer.json()["job"]["id"], lambda state: state["finished_at"] is not None)
            assert (ended["status"], ended["error"]["code"]) == ("failed", "media_too_long")
        else:
            assert (answer.status_code, answer.json()["code"]) == (422, "media_too_long")
        assert client.get("/health/ready").json()["status"] == "ok"


def test_names_are_shown_and_never_followed(serve: Callable[..., Service], tmp_path: Path) -> None:
    """`../` and markup in a name end up as plain text; the file lies under its hash, not under its name."""
    service = serve()
    speech = lecture_wav(tmp_path / "speech.wav", 2).read_bytes()
    with service.client() as client:
        media = client.post(
            "/api/media", params={"name": "../../<img src=x onerror=alert(1)>.wav", "process": "false"}, content=speech
        ).json()
        assert media["name"] == "<img src=x onerror=alert(1)>.wav"
        disposition = client.get(f"/api/media/{media['id']}/content").headers["content-disposition"]
    assert disposition == "inline; filename*=UTF-8''%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.wav"
    kept = [path for path in service.data.rglob("*") if path.is_file() and path.stat().st_size == len(speech)]
    assert [path.name for path in kept] == [media["sha256"]]

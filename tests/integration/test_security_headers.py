"""What browsers are told on each kind of answer, word for word: what is missing or looser is seen here."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from people import House, open_house
from recordings import lecture_wav
from videochat.web.body_limit import MOST_BYTES

POLICY = (
    "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
EVERYWHERE = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": None,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
SANDBOX = "sandbox; default-src 'none'; media-src 'self'"
PLACES = [
    (None, None),
    ("http://videochat.example.org", None),
    ("https://videochat.example.org", "max-age=31536000"),
]


def told(answer: httpx.Response) -> dict[str, str | None]:
    """Return what an answer says in these headers; twice the same one would be joined, and be another value."""
    return {name: answer.headers.get(name) for name in EVERYWHERE}


async def _recording(house: House, folder: Path) -> tuple[httpx.AsyncClient, str]:
    anna = await house.person("Anna")
    speech = lecture_wav(folder / "speech.wav").read_bytes()
    media = (await anna.post("/api/media?process=false", content=speech)).json()
    return anna, f"/api/media/{media['id']}/content"


@pytest.mark.parametrize(("public_url", "only_https"), PLACES)
async def test_every_answer_tells_browsers_what_it_may_do(
    tmp_path: Path, public_url: str | None, only_https: str | None
) -> None:
    """The page, answers, errors of every layer and recordings, which act in nobody's name; https for ever where there is any."""
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with open_house(url, tmp_path, server={"public_url": public_url}) as house:
        anna, content = await _recording(house, tmp_path)
        stranger = await house.stranger()
        answers = {
            "page": (200, await stranger.get("/")),
            "unknown page": (404, await stranger.get("/nothing", headers={"Accept": "text/html"})),
            "answer": (200, await anna.get("/api/media")),
            "nothing there": (404, await anna.get("/api/media/none")),
            "not let in": (401, await stranger.get("/api/media")),
            "another host": (403, await stranger.get("/", headers={"Host": "evil.example"})),
            "too large": (413, await stranger.post("/api/session", content=b" " * (MOST_BYTES + 1))),
        }
        for what, (status, answer) in answers.items():
            expected = EVERYWHERE | {"Strict-Transport-Security": only_https}
            assert (answer.status_code, told(answer)) == (status, expected), what
        for answer in (
            await anna.get(content),
            await anna.head(content),
            await anna.get(content, headers={"Range": "bytes=0-9"}),
        ):
            assert answer.status_code in {200, 206}
            assert told(answer) == EVERYWHERE | {
                "Strict-Transport-Security": only_https,
                "Content-Security-Policy": SANDBOX,
            }

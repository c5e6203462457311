"""What an account may use, over HTTP, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from people import House, code, open_house
from recordings import lecture_wav
from videochat.access import repository
from videochat.access.quotas import month_of


async def test_what_an_account_may_use(database_url: str, tmp_path: Path) -> None:
    """Storage, minutes and tokens are refused once they are used up, with the reason; an administrator gives more."""
    limits = {"storage_bytes": 150_000, "audio_minutes": 0.02, "tokens": 10}
    async with open_house(database_url, tmp_path, limits=limits) as house:
        ada, ben = await house.person("Ada"), await house.person("Ben")
        user = (await ben.get("/api/session")).json()["user"]["id"]
        contents = [lecture_wav(tmp_path / f"{n}.wav", n).read_bytes() for n in (1, 2, 6)]
        assert (await ben.post("/api/media", content=contents[0])).status_code == 201
        again = await ben.post("/api/media", content=contents[1])
        assert code(again) == (429, "quota_audio_minutes")
        assert int(again.headers["retry-after"]) <= 31 * 86400 + 1
        full = await ben.post("/api/media", content=contents[2])
        assert code(full) == (413, "quota_storage_bytes")
        assert "retry-after" not in full.headers  # waiting makes no room
        async with house.app.database.write() as session:
            await repository.use(session, user, month_of(await _now(house)), tokens=10)
        assert code(await ben.post("/api/answers", json={"question": "Why?"})) == (429, "quota_tokens")
        usage = (await ben.get("/api/account")).json()["usage"]
        assert (usage["tokens"], usage["limits"]["tokens"]) == (10, 10)
        assert usage["audio_minutes"] == pytest.approx(1 / 60, abs=0.001)
        changed = (await ada.patch(f"/api/users/{user}", json={"quotas": {"tokens": 1000}})).json()
        assert changed["quotas"] == {"storage_bytes": None, "audio_minutes": None, "tokens": 1000}
        assert (await ben.post("/api/answers", json={"question": "Why?"})).status_code == 202
        assert (await ben.get("/api/account")).json()["usage"]["limits"]["audio_minutes"] == 0.02


async def _now(house: House) -> Any:
    async with house.app.database.read() as session:
        return (await repository.users(session, "", 1))[0].created_at

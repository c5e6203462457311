"""Who reads /metrics where it has a token of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import code, open_house


@pytest.mark.parametrize("token", ["scrape-t0ken", "schlüssel"])
async def test_only_who_has_the_token_reads_what_is_counted(database_url: str, tmp_path: Path, token: str) -> None:
    """Without it, with another, or with one that is no ASCII it is a refusal, for administrators too; with it nobody signs in."""
    async with open_house(database_url, tmp_path, metrics={"token": token}) as house:
        stranger, operator = await house.stranger(), await house.person("Olga", "admin")
        for client in (stranger, operator):
            assert code(await client.get("/metrics")) == (403, "denied")
        for wrong in (
            "Bearer wrong",
            "Bearer é",
            "Bearer \udcff",
            "Bearer",
            f"bearer{token}",
            token,
            f"Bearer {token}x",
        ):
            header = wrong.encode("utf-8", "surrogateescape")
            assert code(await stranger.get("/metrics", headers={"Authorization": header})) == (403, "denied"), wrong
        read = await stranger.get("/metrics", headers={"Authorization": f"Bearer {token}".encode()})
        assert read.status_code == 200
        assert "videochat_http_requests_total" in read.text

"""How often and how much at a time somebody may come, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from people import BASE, PASSWORD, House, code, open_house
from videochat.access import throttle
from videochat.ops.actor import LOCAL
from videochat.web import budgets
from waiting import until

FIELDS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


@pytest.fixture
def url(migrated_file: Path, tmp_path: Path) -> str:
    """Give a database of which nothing here depends on the kind."""
    (tmp_path / "videochat.db").write_bytes(migrated_file.read_bytes())
    return f"sqlite:///{tmp_path / 'videochat.db'}"


async def statuses(client: httpx.AsyncClient, path: str, times: int) -> list[int]:
    return [(await client.get(path)).status_code for _ in range(times)]


def at(house: House, address: str, **headers: str) -> httpx.AsyncClient:
    """Return a client at an address."""
    transport = httpx.ASGITransport(house.api, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers={"Origin": BASE, **headers})


async def key_of(house: House, user: str = LOCAL.id) -> str:
    token, _ = await house.app.access.add_key(user, "tool")
    return token.text


async def test_a_busy_program_keeps_nobody_else_out(url: str, tmp_path: Path) -> None:
    """Each key has its own allowance, and its owner in the page another."""
    async with open_house(url, tmp_path, limits={"read": "2/hour"}) as house:
        ada = await house.person("Ada")
        busy, other = await house.program(await key_of(house)), await house.program(await key_of(house))
        assert await statuses(busy, "/api/media", 3) == [200, 200, 429]
        assert await statuses(other, "/api/media", 2) == [200, 200]
        assert await statuses(ada, "/api/media", 3) == [200, 200, 429]


async def test_many_keys_are_not_many_allowances(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys of an account may do together a few times of what one may; those of another account are not theirs."""
    monkeypatch.setattr(budgets, "KEYS_TOGETHER", 2)
    async with open_house(url, tmp_path, limits={"read": "2/hour"}) as house:
        ada, ben = await house.person("Ada"), await house.person("Ben")
        his = (await ben.get("/api/session")).json()["user"]["id"]
        keys = [await house.program(await key_of(house)) for _ in range(3)]
        assert [await statuses(key, "/api/media", 2) for key in keys] == [[200, 200], [200, 200], [429, 429]]
        assert await statuses(await house.program(await key_of(house, his)), "/api/media", 1) == [200]
        assert (await ada.get("/api/media")).status_code == 200


async def test_without_accounts_keys_know_nothing_of_each_other(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs the service made them all; what one does takes nothing from another, also when they open the page."""
    monkeypatch.setattr(budgets, "KEYS_TOGETHER", 1)
    async with open_house(url, tmp_path, auth={"mode": "keys"}, limits={"read": "2/hour"}) as house:
        tokens = [await key_of(house) for _ in range(3)]
        for token in tokens:
            assert await statuses(await house.program(token), "/api/media", 3) == [200, 200, 429]
        in_the_page = await house.stranger(Cookie=f"videochat_session={tokens[0]}")
        assert await statuses(in_the_page, "/api/media", 1) == [429]


async def test_guessing_keys_is_counted_by_address(url: str, tmp_path: Path) -> None:
    """A wrong key is a stranger's request, whatever other wrong one came before; a good one from there still comes in."""
    async with open_house(url, tmp_path, limits={"read": "2/hour"}) as house:
        await house.person("Ada")
        async with at(house, "10.0.0.1") as here, at(house, "10.0.0.2") as there:
            wrong = [{"Authorization": f"Bearer vck_{letter * 43}"} for letter in "abc"]
            answers = [await here.get("/api/media", headers=headers) for headers in wrong]
            assert [code(answer) for answer in answers] == [(401, "bad_key"), (401, "bad_key"), (429, "rate_limited")]
            assert (await here.get("/api/session")).status_code == 429
            assert code(await there.get("/api/media", headers=wrong[2])) == (401, "bad_key")
            good = {"Authorization": f"Bearer {await key_of(house)}"}
            assert (await here.get("/api/media", headers=good)).status_code == 200


async def test_strangers_are_counted_by_address(url: str, tmp_path: Path) -> None:
    """Who has not said who they are shares an allowance with the others at that address, and with no account there."""
    async with open_house(url, tmp_path, limits={"read": "2/hour"}) as house:
        ada = await house.person("Ada")
        session = f"videochat_session={ada.cookies['videochat_session']}"
        async with at(house, "10.0.0.1") as one, at(house, "10.0.0.1") as other, at(house, "10.0.0.2") as elsewhere:
            assert await statuses(one, "/health/live", 2) == [200, 200]
            assert await statuses(other, "/health/live", 1) == [429]
            assert await statuses(elsewhere, "/health/live", 1) == [200]
            assert (await other.get("/api/media", headers={"Cookie": session})).status_code == 200


async def test_coming_in_is_counted_by_address(url: str, tmp_path: Path) -> None:
    """LIMITS__ENTER holds for an address, whatever is tried there, also by who is signed in already."""
    async with open_house(url, tmp_path, limits={"enter": "3/hour"}) as house:
        await house.person("Ada")
        right, wrong = {"name": "Ada", "password": PASSWORD}, {"name": "Ada", "password": "wrong"}
        async with at(house, "10.0.0.1") as here, at(house, "10.0.0.2") as there:
            tried = [await here.post("/api/session", json=given) for given in (right, wrong)]
            tried += [await here.post("/api/session/link", json={"token": "vcl_none"})]
            assert [answer.status_code for answer in tried] == [200, 401, 404]
            refused = await here.post("/api/session", json=right)
            assert (code(refused), refused.headers["ratelimit-limit"]) == ((429, "rate_limited"), "3")
            assert (await here.get("/api/media")).status_code == 200
            assert (await there.post("/api/session", json=right)).status_code == 200


async def test_an_address_that_guesses_at_many_names_waits(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some failures under different names, and from there even the right password waits; from elsewhere it does not."""
    monkeypatch.setitem(throttle.MOST_FAILURES, "address", 3)
    async with open_house(url, tmp_path) as house:
        await house.person("Ada")
        right = {"name": "Ada", "password": PASSWORD}
        async with at(house, "10.0.0.1") as here, at(house, "10.0.0.2") as there:
            for name in ("Ada", "Ben", "Cleo"):
                given = {"name": name, "password": "wrong"}
                assert code(await here.post("/api/session", json=given)) == (401, "wrong_credentials")
            refused = await here.post("/api/session", json=right)
            assert code(refused) == (429, "rate_limited")
            assert 0 < int(refused.headers["retry-after"]) <= 900
            assert (await there.post("/api/session", json=right)).status_code == 200


@pytest.mark.parametrize(
    ("rate", "path", "body", "status"),
    [
        ("write", "/api/media/med_none/links", {"json": {}}, 404),
        ("upload", "/api/media", {"content": b"no recording"}, 422),
        ("ask", "/api/answers", {"json": {"question": "Why?"}}, 202),
    ],
)
async def test_each_kind_is_counted_by_itself(
    url: str, tmp_path: Path, rate: str, path: str, body: dict[str, Any], status: int
) -> None:
    """The third of two is refused, whatever came of the first; reading and other accounts go on."""
    async with open_house(url, tmp_path, limits={rate: "2/hour"}) as house:
        ada, ben = await house.person("Ada"), await house.person("Ben")
        answers = [await ada.post(path, **body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [status, status, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
        assert f"LIMITS__{rate.upper()}" in answers[2].json()["detail"]
        assert (await ben.post(path, **body)).status_code == status
        assert (await ada.get("/api/media")).status_code == 200


async def test_every_answer_says_what_is_left(url: str, tmp_path: Path) -> None:
    """Whatever it is: found or not, refused for any reason, or for having come too often – then also when to come again."""
    async with open_house(url, tmp_path, limits={"read": "20/hour", "write": "1/hour"}) as house:
        await house.person("Ada")
        max_ = await house.person("Max", "viewer")
        no_page = await house.stranger(Cookie=f"videochat_session={max_.cookies['videochat_session']}")
        del no_page.headers["Origin"]
        answers = [
            (200, await max_.get("/api/media")),
            (404, await max_.get("/api/media/med_none")),
            (403, await max_.get("/api/ops/settings")),
            (401, await (await house.stranger()).get("/api/media")),
            (401, await (await house.program("vck_" + "x" * 43)).get("/api/media")),
            (403, await no_page.delete("/api/media/med_none")),
            (429, await max_.delete("/api/media/med_none")),
        ]
        for status, answer in answers:
            assert answer.status_code == status
            assert all(answer.headers[field].isdigit() for field in FIELDS), (status, answer.url)
        last = answers[-1][1].headers
        assert last["retry-after"] == last["ratelimit-reset"]
        assert (last["ratelimit-limit"], last["ratelimit-remaining"]) == ("1", "0")


async def test_uploads_at_a_time(url: str, tmp_path: Path) -> None:
    """The second beside one that is under way is told to wait, another account's is not; when it has ended there is room."""
    async with open_house(url, tmp_path, limits={"uploads": 1}) as house:
        ada, ben = await house.person("Ada"), await house.person("Ben")
        rest = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"no recording"
            await rest.wait()

        first = asyncio.create_task(ada.post("/api/media", content=body()))
        await until(lambda: house.app.metrics.registry.get_sample_value("videochat_uploads") == 1)
        refused = await ada.post("/api/media", content=b"none either")
        assert code(refused) == (429, "too_many_uploads")
        assert refused.headers["retry-after"] == "5"
        assert (await ben.post("/api/media", content=b"none either")).status_code == 422
        rest.set()
        assert (await first).status_code == 422
        assert (await ada.post("/api/media", content=b"none either")).status_code == 422

"""Accounts, sessions and keys over HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from library import add_media
from people import PASSWORD, House, code, open_house
from videochat.access import repository, throttle
from videochat.ops.actor import LOCAL
from waiting import until

ME = "/api/session"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, tmp_path) as opened:
        yield opened


async def test_without_an_account_nobody_comes_in(house: House) -> None:
    """A stranger sees the page, health and how to sign in, and nothing else; what is wrong is said."""
    stranger = await house.stranger()
    assert (await stranger.get("/health/live")).status_code == 200
    session = (await stranger.get(ME)).json()
    assert (session["mode"], session["ready"], session["user"], session["permissions"]) == ("users", False, None, [])
    for method, path in (("GET", "/api/media"), ("POST", "/api/media"), ("GET", "/api/events"), ("GET", "/metrics")):
        answer = await stranger.request(method, path)
        assert code(answer) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert code(await (await house.program("vck_" + "x" * 43)).get("/api/media")) == (401, "bad_key")


async def test_signing_in_and_out(house: House) -> None:
    """A session is a cookie that no script reads; signed out, it is worth nothing, also to who copied it."""
    anna = await house.person("Anna")
    assert (await anna.get(ME)).json()["user"]["name"] == "Anna"
    again = await (await house.stranger()).post(ME, json={"name": "ANNA", "password": PASSWORD})
    cookie = again.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # this installation has no certificate
    copy = await house.stranger(Cookie=f"videochat_session={anna.cookies['videochat_session']}")
    assert (await copy.get("/api/media")).status_code == 200
    assert (await anna.delete(ME)).status_code == 204
    assert code(await copy.get("/api/media")) == (401, "unauthenticated")


async def test_with_a_certificate_cookies_go_over_nothing_else(database_url: str, tmp_path: Path) -> None:
    """Behind a proxy with https a session and a link are kept as Secure, though the proxy itself speaks http with us."""
    public = {"public_url": "https://videochat.example.org"}
    async with open_house(database_url, tmp_path, server=public) as house:
        anna = await house.person("Anna")
        owner = (await anna.get(ME)).json()["user"]["id"]
        await add_media(house.app.database, "med_1", owner=owner)
        made = (await anna.post("/api/media/med_1/links", json={})).json()
        session = await (await house.stranger()).post(ME, json={"name": "Anna", "password": PASSWORD})
        link = await (await house.stranger()).post(f"{ME}/link", json={"token": made["path"].partition("#")[2]})
        for answer in (session, link):
            assert answer.status_code == 200, answer.text
            assert "; Secure" in answer.headers["set-cookie"]


async def test_who_guesses_is_slowed_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong name and wrong password look alike; after some failures even the right password waits, for a while."""
    await house.person("Anna")
    stranger = await house.stranger()
    wrong = [await stranger.post(ME, json={"name": name, "password": "wrong"}) for name in ("Anna", "Nobody")]
    assert {code(answer) for answer in wrong} == {(401, "wrong_credentials")}
    assert wrong[0].json()["detail"] == wrong[1].json()["detail"]
    for _ in range(9):
        await stranger.post(ME, json={"name": "anna", "password": "wrong"})
    refused = await stranger.post(ME, json={"name": "Anna", "password": PASSWORD})
    assert code(refused) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    monkeypatch.setattr(throttle, "WINDOW", timedelta(seconds=0))
    assert (await stranger.post(ME, json={"name": "Anna", "password": PASSWORD})).status_code == 200


async def test_an_old_series_of_failures_does_not_swallow_a_new_one(house: House) -> None:
    """Who failed long ago and fails again has failed once, and not never."""
    now = datetime.now(UTC)
    for at in (now - timedelta(hours=1), now):
        async with house.app.database.write() as session:
            await repository.fail(session, "name:anna", at, at - throttle.WINDOW)
    async with house.app.database.read() as session:
        ((failures, _),) = await repository.attempts(session, ["name:anna"], now - throttle.WINDOW)
    assert failures == 1


async def test_failures_that_count_no_more_are_swept(house: House) -> None:
    """Names that somebody tried once do not stay; those that still count do."""
    now = datetime.now(UTC)
    async with house.app.database.write() as session:
        for who, at in (("name:anna", now - timedelta(hours=1)), ("name:ben", now)):
            await repository.fail(session, who, at, at - throttle.WINDOW * 9)
    assert await house.app.audit.forget(365) == 1
    async with house.app.database.read() as session:
        kept = [
            len(await repository.attempts(session, [f"name:{who}"], now - timedelta(days=1))) for who in ("anna", "ben")
        ]
    assert kept == [0, 1]


async def test_a_burst_of_guesses_does_not_pass_together(house: House) -> None:
    """Thirty at the same time are ten guesses and twenty refusals."""
    await house.person("Anna")
    stranger = await house.stranger()
    guesses = [stranger.post(ME, json={"name": "Anna", "password": f"wrong {n}"}) for n in range(30)]
    statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert (statuses.count(401), statuses.count(429)) == (10, 20)


async def test_another_page_cannot_use_our_cookie(house: House) -> None:
    """What changes something takes an Origin of ours beside the cookie; a key needs none, because no browser adds it."""
    anna = await house.person("Anna")
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert (await anna.post("/api/answers", json={"question": "?"}, headers=headers)).status_code == 403
    del anna.headers["Origin"]
    assert code(await anna.post("/api/answers", json={"question": "?"})) == (403, "csrf")
    token, _ = await house.app.access.add_key(LOCAL.id, "tool", ["ask"])
    assert (await (await house.program(token.text)).post("/api/answers", json={"question": "Why?"})).status_code == 202


async def test_roles(house: House) -> None:
    """A viewer reads and asks, a member also brings recordings, an administrator also looks after the service."""
    admin, member, viewer = (
        await house.person("Ada"), await house.person("Max"), await house.person("Vera", "viewer")
    )  # fmt: skip
    for client, status in ((admin, 422), (member, 422), (viewer, 403)):
        assert (await client.post("/api/media", content=b"no recording")).status_code == status
    for client, status in ((admin, 200), (member, 403), (viewer, 403)):
        for path in (
            "/api/ops/settings",
            "/api/ops/logs",
            "/api/ops/alerts",
            "/api/users",
            "/api/ops/audit",
            "/metrics",
        ):
            assert (await client.get(path)).status_code == status, path
    assert (await viewer.post("/api/answers", json={"question": "Why?"})).status_code == 202


async def test_keys_do_what_they_are_for(house: House) -> None:
    """Never more than their scopes, nor than their owner may; revoked or run out they are worth nothing, at once."""
    admin = await house.person("Ada")
    member = await house.person("Max")
    made = (await member.post("/api/account/keys", json={"name": "tool", "scopes": ["read"]})).json()
    assert made["key"].startswith(made["prefix"])
    assert "key" not in (await member.get("/api/account/keys")).json()["items"][0]
    program = await house.program(made["key"])
    assert (await program.get("/api/media")).status_code == 200
    assert code(await program.post("/api/answers", json={"question": "?"})) == (403, "not_permitted")
    wide = await member.post("/api/account/keys", json={"name": "tool", "scopes": ["read", "operate"]})
    assert code(wide) == (403, "not_permitted")
    whole, _ = await house.app.access.add_key(LOCAL.id, "all")
    by_key = await (await house.program(whole.text)).post("/api/account/keys", json={"name": "x", "scopes": ["read"]})
    assert code(by_key) == (403, "not_permitted")
    assert (await admin.delete(f"/api/ops/keys/{made['id']}")).status_code == 204
    assert code(await program.get("/api/media")) == (401, "bad_key")
    short, _ = await house.app.access.add_key(LOCAL.id, "short", days=0.3 / 86400)
    brief = await house.program(short.text)
    assert (await brief.get("/api/media")).status_code == 200
    await asyncio.sleep(0.4)
    assert (await brief.get("/api/media")).status_code == 401


async def test_a_key_opens_the_page(database_url: str, tmp_path: Path) -> None:
    """Where there are only keys, all belong to the local user, and one of them is a way into the page."""
    async with open_house(database_url, tmp_path, auth={"mode": "keys"}) as house:
        token, _ = await house.app.access.add_key(LOCAL.id, "page", ["read"])
        stranger = await house.stranger()
        assert code(await stranger.post(ME, json={"name": "x", "password": "y"})) == (409, "no_passwords")
        assert code(await stranger.post(ME, json={"key": "vck_wrong"})) == (401, "bad_key")
        assert (await stranger.post(ME, json={"key": token.text})).json()["permissions"] == ["read"]
        await add_media(house.app.database, "m1")
        assert [one["id"] for one in (await stranger.get("/api/media")).json()["items"]] == ["m1"]


async def test_the_first_account_has_what_was_there_before(house: House) -> None:
    """Whoever turns accounts on keeps the recordings; the account after it starts with nothing."""
    await add_media(house.app.database, "m1")
    first, second = await house.person("Ada", "viewer"), await house.person("Max")
    assert (await first.get(ME)).json()["user"]["role"] == "admin"
    assert [one["id"] for one in (await first.get("/api/media")).json()["items"]] == ["m1"]
    assert (await second.get("/api/media")).json()["items"] == []


async def test_another_password_ends_the_other_sessions(house: House) -> None:
    """Changed by who knows the old one, this session stays; set by an administrator, none does."""
    await house.person("Ada")
    max_here, max_there = await house.person("Max"), await house.signed_in("Max")
    change = {"old": "wrong", "new": "another good password"}
    assert code(await max_here.put("/api/account/password", json=change)) == (401, "wrong_credentials")
    assert code(await max_here.put("/api/account/password", json={"old": PASSWORD, "new": "short"})) == (
        422, "weak_password",
    )  # fmt: skip
    done = await max_here.put("/api/account/password", json={**change, "old": PASSWORD})
    assert done.status_code == 204
    assert (await max_here.get("/api/media")).status_code == 200
    assert (await max_there.get("/api/media")).status_code == 401
    user = (await max_here.get(ME)).json()["user"]["id"]
    admin = await house.signed_in("Ada")
    assert (await admin.put(f"/api/users/{user}/password", json={"password": "a third good password"})).is_success
    assert (await max_here.get("/api/media")).status_code == 401


async def test_sessions_are_listed_and_ended(house: House) -> None:
    """One sees where one is signed in, and ends one of them from another."""
    here = await house.person("Ada")
    there = await house.signed_in("Ada")
    items = (await here.get("/api/account/sessions")).json()["items"]
    assert sorted(one["current"] for one in items) == [False, True]
    (other,) = [one["id"] for one in items if not one["current"]]
    assert (await here.delete(f"/api/account/sessions/{other}")).status_code == 204
    assert (await there.get("/api/media")).status_code == 401
    assert (await here.delete(f"/api/account/sessions/{other}")).status_code == 404


async def test_a_disabled_account_is_out_at_once(house: House, database_url: str, tmp_path: Path) -> None:
    """Its session and its key end in the process that did it, in every other, and in the middle of a stream."""
    admin, other = await house.person("Ada"), await house.person("Max")
    user = (await other.get(ME)).json()["user"]["id"]
    async with open_house(database_url, tmp_path) as elsewhere:
        token, _ = await elsewhere.app.access.add_key(user, "tool", ["read"])
        program = await elsewhere.program(token.text)
        assert (await program.get("/api/media")).status_code == 200
        stream = asyncio.create_task(other.get("/api/events"))
        await until(lambda: house.app.metrics.registry.get_sample_value("videochat_http_streams") == 1)
        assert (await admin.patch(f"/api/users/{user}", json={"disabled": True})).json()["disabled"]
        async with asyncio.timeout(10):
            assert (await stream).status_code == 200  # its end, not an error
        assert (await other.get("/api/media")).status_code == 401

        async def out() -> bool:
            return (await program.get("/api/media")).status_code == 401

        assert await until(out) < 5
    assert (await admin.patch(f"/api/users/{user}", json={"disabled": False})).json()["disabled"] is False
    assert (await (await house.program(token.text)).get("/api/media")).status_code == 200


async def test_there_is_always_an_administrator(house: House) -> None:
    """The last one can be neither degraded nor disabled nor erased, by nobody."""
    admin = await house.person("Ada")
    for body in ({"role": "member"}, {"disabled": True}):
        assert code(await admin.patch("/api/users/local", json=body)) == (409, "last_admin")
    assert code(await admin.delete("/api/account")) == (409, "last_admin")
    assert (await admin.get("/api/media")).status_code == 200
    await house.person("Bob", "admin")
    assert (await admin.patch("/api/users/local", json={"role": "member"})).json()["role"] == "member"


async def test_an_administrator_makes_accounts(house: House) -> None:
    """A name belongs to one, whatever its capitals; what cannot be a name or a password is said."""
    admin = await house.person("Ada")
    made = await admin.post("/api/users", json={"name": " Max  Muster ", "password": PASSWORD, "role": "viewer"})
    assert (made.status_code, made.json()["name"], made.json()["role"]) == (201, "Max Muster", "viewer")
    taken = await admin.post("/api/users", json={"name": "MAX MUSTER", "password": PASSWORD})
    assert code(taken) == (409, "name_taken")
    assert code(await admin.post("/api/users", json={"name": "a\u200bb", "password": PASSWORD})) == (422, "invalid")
    listed = (await admin.get("/api/users?limit=1")).json()
    assert [user["name"] for user in listed["items"]] == ["Ada"]
    assert [user["name"] for user in (await admin.get(f"/api/users?cursor={listed['next']}")).json()["items"]] == [
        "Max Muster"
    ]


async def test_what_was_done_is_in_the_book(house: House) -> None:
    """Who, what, to what, with what outcome and from where: also what was tried in vain, and never a password or key."""
    admin = await house.person("Ada")
    await (await house.stranger()).post(ME, json={"name": "Ada", "password": "planted-wrong-password"})
    made = (await admin.post("/api/account/keys", json={"name": "tool", "scopes": ["read"]})).json()
    await admin.put("/api/ops/settings/LIMITS__READ", json={"value": "1000/minute"})
    await admin.delete("/api/media/med_none")
    entries = (await admin.get("/api/ops/audit")).json()["items"]
    found = [(entry["actor"], entry["action"], entry["target"], entry["outcome"]) for entry in entries]
    assert found[:4] == [
        ("local", "DELETE /api/media/{media_id}", "/api/media/med_none", "404"),
        ("local", "PUT /api/ops/settings/{name}", "/api/ops/settings/LIMITS__READ", "200"),
        ("local", "POST /api/account/keys", "/api/account/keys", "201"),
        ("stranger", "POST /api/session", "/api/session", "401"),
    ]
    assert all(entry["request_id"] and entry["at"] for entry in entries)
    assert [one["action"] for one in (await admin.get("/api/ops/audit?text=settings")).json()["items"]] == [
        "PUT /api/ops/settings/{name}"
    ]
    async with house.app.database.read() as session:
        for table in ("audit", "keys", "sessions", "users", "events"):
            rows = str((await session.execute(text(f"SELECT * FROM {table}"))).all())  # our own names
            for secret in ("planted-wrong-password", made["key"], PASSWORD, admin.cookies["videochat_session"]):
                assert secret not in rows, table
    assert await house.app.audit.forget(0) >= 4
    assert (await admin.get("/api/ops/audit")).json()["items"] == []


async def test_requests_are_limited(database_url: str, tmp_path: Path) -> None:
    """Each account has its own allowance, said with every answer, and is told when to come again."""
    limits = {"read": "5/hour", "streams": 1}
    async with open_house(database_url, tmp_path, limits=limits) as house:
        ada, bob = await house.person("Ada"), await house.person("Bob")
        answers = [await ada.get("/api/media") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers[:5]] == ["4", "3", "2", "1", "0"]
        assert code(answers[5]) == (429, "rate_limited")
        assert 0 < int(answers[5].headers["retry-after"]) <= 3600
        assert (await bob.get("/api/media")).status_code == 200
        stream = asyncio.create_task(bob.get("/api/events"))
        await until(lambda: house.app.metrics.registry.get_sample_value("videochat_http_streams") == 1)
        assert code(await bob.get("/api/events")) == (429, "too_many_streams")
        stream.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stream


async def test_a_session_runs_out_unless_it_is_used(house: House) -> None:
    """Nobody is signed in for ever; whoever comes back in time stays."""
    ada = await house.person("Ada")
    soon = datetime.now(UTC) + timedelta(minutes=1)

    async def set_end(moment: datetime) -> None:
        async with house.app.database.write() as session:
            await session.execute(
                text("UPDATE sessions SET expires_at = :end, seen_at = :long_ago"),
                {"end": _bound(house, moment), "long_ago": _bound(house, moment - timedelta(days=13))},
            )
        house.app.identities.forget()

    await set_end(soon)
    assert (await ada.get("/api/media")).status_code == 200
    (session,) = (await ada.get("/api/account/sessions")).json()["items"]
    assert datetime.fromisoformat(session["expires_at"]) > soon + timedelta(days=10)
    await set_end(datetime.now(UTC) - timedelta(seconds=1))
    assert (await ada.get("/api/media")).status_code == 401


def _bound(house: House, moment: datetime) -> object:
    return moment if house.app.database.dialect == "postgresql" else moment.replace(tzinfo=None).isoformat(" ")


async def test_without_accounts_all_is_as_before(database_url: str, tmp_path: Path) -> None:
    """On a loopback address nobody signs in; what needs accounts says so."""
    async with open_house(database_url, tmp_path, auth={"mode": "none"}) as house:
        here = await house.stranger()
        session = (await here.get(ME)).json()
        assert (session["mode"], session["kind"], session["user"]) == ("none", "local", None)
        assert session["permissions"] == ["ask", "operate", "read", "write"]
        assert "ratelimit-limit" not in (await here.get("/api/media")).headers
        refused: list[httpx.Response] = [
            await here.post("/api/users", json={"name": "Ada", "password": PASSWORD}),
            await here.post("/api/account/keys", json={"name": "x", "scopes": ["read"]}),
            await here.delete("/api/account"),
        ]
        assert {code(answer) for answer in refused} == {(409, "no_accounts")}

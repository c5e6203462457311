"""Signing in through an identity provider that really answers, on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from people import BASE, House, code, open_house
from stub_issuer import Issuer, running_issuer
from videochat.errors import ConfigurationError


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


def settings_for(issuer: Issuer, **auth: Any) -> dict[str, Any]:
    oidc = {
        "mode": "oidc",
        "oidc_issuer": issuer.url,
        "oidc_client_id": "videochat",
        "oidc_client_secret": "planted",
        **auth,
    }
    return {"auth": oidc, "server": {"public_url": BASE}, "secret_key": "0123456789abcdef0123456789abcdef"}


@pytest.fixture
async def house(issuer: Issuer, tmp_path: Path) -> AsyncIterator[House]:
    chosen = settings_for(issuer, oidc_admins=["ada@example.org"])
    async with open_house(f"sqlite:///{tmp_path / 'v.db'}", tmp_path, **chosen) as opened:
        yield opened


async def travel(client: httpx.AsyncClient, following: str = "/") -> httpx.Response:
    """Go to the provider and back, as a browser does, and return the last answer of ours."""
    sent = await client.get("/api/session/oidc", params={"next": following})
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient() as outside:
        back = (await outside.get(sent.headers["location"])).headers["location"]
    return await client.get(back)


async def test_whom_the_provider_vouches_for_comes_in(house: House, issuer: Issuer) -> None:
    """They get an account when they come first, the same one when they come again, and go where they wanted to."""
    client = await house.stranger()
    assert (await client.get("/api/session")).json()["mode"] == "oidc"
    issuer.claims = {"email": "max@example.org", "email_verified": True, "name": "Max"}
    back = await travel(client, "/media/med_1")
    assert (back.status_code, back.headers["location"]) == (303, "/media/med_1")
    user = (await client.get("/api/session")).json()["user"]
    assert (user["name"], user["role"], user["has_password"]) == ("max@example.org", "member", False)
    again = await house.stranger()
    await travel(again)
    assert (await again.get("/api/session")).json()["user"]["id"] == user["id"]
    assert code(await client.post("/api/session", json={"name": "max@example.org", "password": ""})) == (
        409,
        "no_passwords",
    )


async def test_with_a_certificate_its_cookies_go_over_nothing_else(issuer: Issuer, tmp_path: Path) -> None:
    """The cookie of the way to the provider is Secure where people come by https."""
    chosen = {**settings_for(issuer), "server": {"public_url": "https://videochat.example.org"}}
    async with open_house(f"sqlite:///{tmp_path / 'v.db'}", tmp_path, **chosen) as opened:
        sent = await (await opened.stranger()).get("/api/session/oidc")
        assert (sent.status_code, "; Secure" in sent.headers["set-cookie"]) == (303, True)


async def test_administrators_are_named_by_verified_addresses(house: House, issuer: Issuer) -> None:
    """An address that nobody verified makes nobody an administrator, and never the first who comes."""
    issuer.claims = {"email": "ada@example.org", "email_verified": False, "preferred_username": "ada", "sub": "1"}
    stranger, ada = await house.stranger(), await house.stranger()
    await travel(stranger)
    assert (await stranger.get("/api/session")).json()["user"]["role"] == "member"
    issuer.claims = {"email": "ada@example.org", "email_verified": True, "sub": "2"}
    await travel(ada)
    user = (await ada.get("/api/session")).json()["user"]
    assert (user["role"], user["id"]) == ("admin", "local")


async def test_two_people_of_one_name_have_two_accounts(house: House, issuer: Issuer) -> None:
    """A name of somebody else's at the provider is no way into an account."""
    clients = []
    for subject in ("1", "2"):
        issuer.claims = {"preferred_username": "max", "sub": subject}
        clients.append(await house.stranger())
        await travel(clients[-1])
    users = [(await client.get("/api/session")).json()["user"] for client in clients]
    assert users[0]["id"] != users[1]["id"]
    assert users[1]["name"].startswith("max ")


@pytest.mark.parametrize(
    "claims",
    [{"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"nonce": "of another errand"}, {"sub": None}],
    ids=["audience", "issuer", "expired", "nonce", "nobody"],
)
async def test_a_token_that_is_not_for_us_lets_nobody_in(house: House, issuer: Issuer, claims: dict[str, Any]) -> None:
    """Made for another service, by another, too old, for another errand, or about nobody: each is refused."""
    issuer.claims = claims
    client = await house.stranger()
    assert (await travel(client)).headers["location"] == "/?sign_in=not_vouched_for"
    assert (await client.get("/api/session")).json()["user"] is None


async def test_a_forged_signature_lets_nobody_in(house: House, issuer: Issuer) -> None:
    """A token signed with a key that the provider does not have is worth nothing; with a new one that it has, it is."""
    forged = RSAKey.generate_key(2048, {"kid": "one"})
    issuer.signing_key = forged
    client = await house.stranger()
    assert (await travel(client)).headers["location"] == "/?sign_in=not_vouched_for"
    issuer.key, issuer.signing_key = RSAKey.generate_key(2048, {"kid": "one"}), None
    assert (await travel(client)).headers["location"] == "/"


async def test_who_was_not_on_the_way_is_not_let_in(house: House, issuer: Issuer) -> None:
    """An answer for another browser's errand, or for none, signs nobody in (login CSRF); nor does a way out of the page."""
    victim, attacker = await house.stranger(), await house.stranger()
    sent = await attacker.get("/api/session/oidc")
    async with httpx.AsyncClient() as outside:
        back = (await outside.get(sent.headers["location"])).headers["location"]
    assert (await victim.get(back)).headers["location"] == "/?sign_in=no_errand"
    await victim.get("/api/session/oidc")
    assert (await victim.get(back)).headers["location"] == "/?sign_in=not_vouched_for"
    for outside_of_us in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert (await travel(attacker, outside_of_us)).headers["location"] == "/"


async def test_who_comes_in_is_in_the_book(house: House, issuer: Issuer) -> None:
    """Who it was, made an administrator or not, and what was tried in vain; never what the provider gave for it."""
    issuer.claims = {"email": "ada@example.org", "email_verified": True, "sub": "1"}
    ada, other = await house.stranger(), await house.stranger()
    await travel(ada)
    issuer.claims = {"preferred_username": "max", "sub": "2"}
    await travel(other)
    await (await house.stranger()).get("/api/session/oidc/callback?code=planted-code&state=none")
    max_id = (await other.get("/api/session")).json()["user"]["id"]
    entries = (await ada.get("/api/ops/audit")).json()["items"]
    there = "/api/session/oidc/callback"
    assert [(one["actor"], one["action"], one["target"], one["outcome"]) for one in entries] == [
        ("stranger", f"GET {there}", there, "401"),
        (max_id, f"GET {there}", there, "303"),
        ("local", f"GET {there}", there, "303"),
    ]
    assert "planted-code" not in str(entries)


async def test_coming_back_is_counted_by_address(issuer: Issuer, tmp_path: Path) -> None:
    """Who is sent back again and again has LIMITS__ENTER to do so, whoever they are or say they are."""
    chosen = settings_for(issuer, oidc_admins=["ada@example.org"])
    async with open_house(f"sqlite:///{tmp_path / 'v.db'}", tmp_path, limits={"enter": "2/hour"}, **chosen) as house:
        here = await house.person("Ada")
        for client, status in ((here, 303), (await house.stranger(), 303), (here, 429), (await house.stranger(), 429)):
            assert (await client.get("/api/session/oidc/callback")).status_code == status


async def test_a_provider_that_does_not_answer_is_said(issuer: Issuer, tmp_path: Path) -> None:
    """Whoever wants to sign in is told to try again, and who is signed in already stays so."""
    chosen = settings_for(issuer, oidc_issuer="http://127.0.0.1:9")
    async with open_house(f"sqlite:///{tmp_path / 'v.db'}", tmp_path, **chosen) as house:
        here = await house.person("Ada")
        assert code(await (await house.stranger()).get("/api/session/oidc")) == (503, "provider_unreachable")
        assert (await here.get("/api/media")).status_code == 200


async def test_what_is_missing_is_said_at_the_start(issuer: Issuer, tmp_path: Path) -> None:
    """Without an address to come back to, without a key, or without a provider nothing starts."""
    whole = settings_for(issuer)
    lacking = [
        {**whole, "server": {}},
        {**whole, "secret_key": None},
        {**whole, "auth": {"mode": "oidc", "oidc_client_id": "x"}},
    ]
    for chosen in lacking:
        with pytest.raises(ConfigurationError):
            async with open_house(f"sqlite:///{tmp_path / 'v.db'}", tmp_path, **chosen):
                pass

"""Accounts, keys and sharing in a real browser; any error that the page reports fails the test."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.conftest import Service
from recordings import lecture_wav
from videochat.access.user import Role
from videochat.app import open_app
from videochat.settings import Settings

LONG = 60_000
PASSWORD = "correct horse battery"
Serve = Callable[..., Service]
T = TypeVar("T")


async def _add(data: Path, accounts: dict[str, Role]) -> None:
    async with open_app(Settings(data_dir=data, auth={"mode": "users"})) as app:
        for name, role in accounts.items():
            await app.access.add_user(name, role, PASSWORD)


def add_accounts(data: Path, **accounts: Role) -> None:
    """Make accounts with the password of all."""
    on_the_server(_add(data, accounts))


def on_the_server(work: Coroutine[Any, Any, T]) -> T:
    """Do what is done at the server's own console; in a thread, since an open browser has the event loop of this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _make_key(data: Path) -> str:
    async with open_app(Settings(data_dir=data, auth={"mode": "keys"})) as app:
        token, _ = await app.access.add_key("local", "my browser")
        return token.text


@pytest.fixture
def house(serve: Serve, tmp_path: Path) -> Service:
    """Give a service in which Ada administers, Ben is a member and Vera a viewer."""
    add_accounts(tmp_path / "data", Ada="admin", Ben="member", Vera="viewer")
    return serve(AUTH__MODE="users")


def enter(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_test_id("sign-in-name").fill(name)
    page.get_by_test_id("sign-in-password").fill(password)
    page.get_by_test_id("sign-in-submit").click()


def signed_in(page: Page, url: str, name: str) -> None:
    page.goto(url)
    enter(page, name)
    expect(page.get_by_test_id("account-menu")).to_contain_text(name)


def upload(page: Page, url: str, folder: Path) -> None:
    """Add a recording and open it as soon as it is transcribed."""
    page.goto(url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    page.get_by_test_id("upload-input").set_input_files(lecture_wav(folder / "talk.wav", 8))
    row = page.get_by_test_id("media-row")
    expect(row).to_have_attribute("data-status", "completed", timeout=LONG)
    row.get_by_role("link").click()
    expect(page.get_by_test_id("segment").first).to_be_visible(timeout=LONG)


def choose(page: Page, item: str) -> None:
    page.get_by_test_id("account-menu").click()
    page.get_by_test_id(item).click()


def row_of(page: Page, name: str) -> Locator:
    return page.locator(f"[data-testid=user-row][data-name={name}]")


def fits(page: Page) -> bool:
    """Say whether the page is no wider than a telephone."""
    page.set_viewport_size({"width": 360, "height": 760})
    narrow: bool = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
    return narrow


def test_the_first_account_is_asked_for(page: Page, serve: Serve) -> None:
    """Without an account the page says how one is made; made while it is open, its owner signs in and administers."""
    service = serve(AUTH__MODE="users")
    page.goto(service.url)
    expect(page.get_by_test_id("no-account")).to_contain_text("videochat users add NAME")
    expect(page.get_by_test_id("sign-in-name")).to_have_count(0)
    add_accounts(service.data, Ada="viewer")
    page.get_by_role("button", name="Look again").click()
    enter(page, "Ada")
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    page.get_by_test_id("account-menu").click()
    expect(page.get_by_test_id("menu-users")).to_be_visible()
    expect(page.get_by_text("Administrator")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("menu-users")).to_have_count(0)
    expect(page.get_by_test_id("account-menu")).to_be_focused()


def test_signing_in_leads_where_one_wanted_to_go(page: Page, house: Service) -> None:
    """Refusals are said, also for how long to wait, in both languages; whoever is put out comes back to the same place."""
    page.goto(f"{house.url}/search?q=tides")
    enter(page, "Ada", "wrong password")
    expect(page.get_by_test_id("form-error")).to_contain_text("name or the password is wrong")
    with house.client() as guesser:
        for _ in range(10):
            guesser.post("/api/session", json={"name": "Nobody", "password": "guess"})
    enter(page, "Nobody")
    expect(page.get_by_test_id("form-error")).to_contain_text(re.compile(r"Try again in 1\d minutes, at \d\d:\d\d"))
    page.get_by_test_id("language-toggle").click()
    expect(page.get_by_test_id("form-error")).to_contain_text(re.compile(r"请在1\d分钟后（\d\d:\d\d）再试"))
    assert fits(page)
    page.get_by_test_id("language-toggle").click()
    enter(page, "Ada")
    expect(page.get_by_test_id("search-input")).to_have_value("tides")

    with house.client() as elsewhere:
        elsewhere.headers["Origin"] = house.url
        elsewhere.post("/api/session", json={"name": "Ada", "password": PASSWORD})
        for one in elsewhere.get("/api/account/sessions").json()["items"]:
            if not one["current"]:
                assert elsewhere.delete(f"/api/account/sessions/{one['id']}").status_code == 204
    # Nothing was clicked: the stream of events, which has ended, tells it.
    expect(page.get_by_test_id("sign-in")).to_contain_text("Your session has ended", timeout=LONG)
    enter(page, "Ada")
    expect(page.get_by_test_id("search-input")).to_have_value("tides")
    expect(page).to_have_url(f"{house.url}/search?q=tides")
    choose(page, "sign-out")
    expect(page.get_by_test_id("sign-in")).to_be_visible()
    page.goto(house.url)
    expect(page.get_by_test_id("sign-in")).to_be_visible()


def test_a_recording_is_shared_and_read_but_not_changed(
    page: Page, another_page: Callable[[], Page], house: Service, tmp_path: Path
) -> None:
    """Ben finds what Ada shares among the shared ones, reads and asks it, and finds no way to change or share it."""
    signed_in(page, house.url, "Ada")
    upload(page, house.url, tmp_path)
    page.get_by_test_id("share").click()
    page.get_by_test_id("reader-name").fill("Nobody")
    page.get_by_test_id("reader-add").click()
    expect(page.get_by_test_id("readers")).to_contain_text("no account with this name")
    page.get_by_test_id("reader-name").fill("ben")
    page.get_by_test_id("reader-add").click()
    expect(page.get_by_test_id("reader")).to_contain_text("Ben")

    ben = another_page()
    signed_in(ben, house.url, "Ben")
    expect(ben.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    ben.get_by_test_id("library-shared").click()
    expect(ben.get_by_test_id("media-row")).to_contain_text("talk.wav", timeout=LONG)
    assert fits(ben)
    expect(ben.get_by_test_id("media-delete")).to_have_count(0)
    ben.get_by_test_id("library-mine").click()
    expect(ben.get_by_test_id("media-row")).to_have_count(0)
    ben.get_by_test_id("library-shared").click()
    ben.get_by_test_id("media-row").get_by_role("link").click()
    expect(ben.get_by_test_id("segment").first).to_be_visible(timeout=LONG)
    expect(ben.get_by_text("shared with you")).to_be_visible()
    for control in ("media-rename", "share", "job-retry"):
        expect(ben.get_by_test_id(control)).to_have_count(0)
    ben.get_by_test_id("ask-input").fill("What about the leaves?")
    ben.get_by_test_id("ask-send").click()
    expect(ben.get_by_test_id("answer")).to_have_attribute("data-status", "completed", timeout=LONG)

    page.get_by_test_id("reader-remove").click()
    expect(page.get_by_test_id("reader")).to_have_count(0)
    ben.reload()
    expect(ben.get_by_text("This recording is not here")).to_be_visible(timeout=LONG)
    vera = another_page()
    signed_in(vera, house.url, "Vera")
    expect(vera.get_by_test_id("empty")).to_contain_text("Nobody has shared", timeout=LONG)
    vera.get_by_test_id("library-mine").click()
    expect(vera.get_by_test_id("empty")).to_contain_text("You have no recordings")
    expect(vera.get_by_test_id("upload-input")).to_have_count(0)
    vera.goto(f"{house.url}/users")
    expect(vera.get_by_text("This page is for administrators.")).to_be_visible()


def test_a_link_opens_one_recording(
    page: Page, another_page: Callable[[], Page], house: Service, tmp_path: Path
) -> None:
    """Whoever has it plays, reads, searches and exports, with no library and no questions, until it is revoked."""
    signed_in(page, house.url, "Ada")
    upload(page, house.url, tmp_path)
    media = page.url
    page.get_by_test_id("share").click()
    page.get_by_test_id("link-days").fill("400")
    page.get_by_test_id("link-make").click()
    expect(page.get_by_test_id("links")).to_contain_text("at most 30 days")
    page.get_by_test_id("link-days").fill("3")
    page.get_by_test_id("link-make").click()
    address = page.get_by_test_id("link-address").input_value()
    assert address.startswith(f"{house.url}/shared#")
    assert fits(page)

    guest = another_page()
    guest.goto(f"{address}x")
    expect(guest.get_by_text("This link leads nowhere")).to_be_visible()
    assert "#" not in guest.url
    guest.goto(address)
    expect(guest.get_by_test_id("segment").first).to_be_visible(timeout=LONG)
    expect(guest).to_have_url(media)
    expect(guest.get_by_test_id("player")).to_be_visible()
    guest.get_by_test_id("search-input").fill("welcome")
    expect(guest.get_by_test_id("search-hit").first).to_be_visible(timeout=LONG)
    guest.get_by_test_id("export").click()
    with guest.expect_download() as download:
        guest.get_by_test_id("export-srt").click()
    assert "-->" in Path(download.value.path()).read_text(encoding="utf-8")
    for control in ("ask-input", "library-search", "share", "media-rename", "account-menu", "upload-input"):
        expect(guest.get_by_test_id(control)).to_have_count(0)
    assert fits(guest)
    guest.goto(house.url)
    expect(guest).to_have_url(media)  # there is no library for guests

    page.get_by_test_id("link-revoke").click()
    expect(page.get_by_test_id("link")).to_have_count(0)
    expect(guest.get_by_test_id("sign-in")).to_contain_text("no longer valid", timeout=LONG)
    enter(guest, "Ben")
    expect(guest.get_by_text("This recording is not here")).to_be_visible(timeout=LONG)


def test_keys_and_sessions(page: Page, house: Service) -> None:
    """A key is shown once and is for programs, and a session is ended from another."""
    signed_in(page, house.url, "Ben")
    choose(page, "menu-account")
    expect(page.get_by_test_id("usage")).to_contain_text("no limit")
    expect(page.get_by_test_id("scope-operate")).to_have_count(0)  # Ben does not administer
    page.get_by_test_id("key-name").fill("nightly script")
    page.get_by_test_id("key-make").click()
    key = page.get_by_test_id("new-key-value").input_value()
    expect(page.get_by_test_id("new-key")).to_contain_text(f"Bearer {key}")
    program = httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {key}"})
    with program:
        assert program.get("/api/media").status_code == 200
        assert program.post("/api/answers", json={"question": "Why?"}).status_code == 403
        page.reload()
        expect(page.get_by_test_id("key-row")).to_contain_text("nightly script")
        assert key not in page.content()
        assert fits(page)
        page.get_by_test_id("key-revoke").click()
        page.get_by_test_id("confirm-yes").click()
        expect(page.get_by_test_id("key-row")).to_have_count(0)
        assert program.get("/api/media").status_code == 401

    with house.client() as elsewhere:
        elsewhere.post("/api/session", json={"name": "Ben", "password": PASSWORD})
        page.reload()
        expect(page.get_by_test_id("session-row")).to_have_count(2)
        page.get_by_test_id("session-end").click()
        expect(page.get_by_test_id("session-row")).to_have_count(1)
        assert elsewhere.get("/api/media").status_code == 401


def test_the_password_and_the_end_of_an_account(page: Page, house: Service) -> None:
    """A password is changed by who knows the old one, and an account is erased by who types its name."""
    signed_in(page, house.url, "Ben")
    choose(page, "menu-account")

    def change(old: str, new: str) -> None:
        for field, value in (("old", old), ("new", new), ("again", new)):
            page.get_by_test_id(f"password-{field}").fill(value)
        page.get_by_test_id("password-save").click()

    change("wrong password", "another good password")
    expect(page.get_by_test_id("password")).to_contain_text("The present password is wrong")
    change(PASSWORD, "short")
    expect(page.get_by_test_id("password")).to_contain_text("Too easy to guess")
    change(PASSWORD, "another good password")
    expect(page.get_by_test_id("notice")).to_contain_text("The password is changed")
    choose(page, "sign-out")
    enter(page, "Ben", "another good password")
    expect(page.get_by_test_id("account-menu")).to_be_visible()
    page.goto(f"{house.url}/account")
    page.get_by_test_id("erase-open").click()
    expect(page.get_by_test_id("erase-dialog-yes")).to_be_disabled()
    page.get_by_test_id("erase-name").fill("Ben")
    page.get_by_test_id("erase-dialog-yes").click()
    expect(page.get_by_test_id("sign-in")).to_be_visible(timeout=LONG)
    enter(page, "Ben", "another good password")
    expect(page.get_by_test_id("form-error")).to_contain_text("wrong")


def test_an_administrator_looks_after_accounts(page: Page, another_page: Callable[[], Page], house: Service) -> None:
    """Accounts are added, limited, disabled and erased; the last administrator stays one; the book has it all."""
    ben = another_page()
    signed_in(ben, house.url, "Ben")
    signed_in(page, house.url, "Ada")
    choose(page, "menu-users")
    row_of(page, "Ada").get_by_test_id("user-role").select_option("member")
    expect(page.get_by_test_id("notice")).to_contain_text("last administrator")
    expect(row_of(page, "Ada").get_by_test_id("user-role")).to_have_value("admin")

    page.get_by_test_id("user-name").fill("Max")
    page.get_by_test_id("user-first-password").fill(PASSWORD)
    page.get_by_test_id("user-add").click()
    expect(row_of(page, "Max")).to_be_visible()
    row_of(page, "Max").get_by_test_id("user-role").select_option("viewer")
    row_of(page, "Max").get_by_test_id("user-more").click()
    page.get_by_test_id("user-limits").click()
    page.get_by_test_id("limit-storage_bytes").fill("1.5")
    page.get_by_test_id("limits-dialog-yes").click()
    expect(row_of(page, "Max")).to_contain_text("own limits")
    row_of(page, "Max").get_by_test_id("user-more").click()
    page.get_by_test_id("user-limits").click()
    expect(page.get_by_test_id("limit-storage_bytes")).to_have_value("1.5")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("limits-dialog")).to_have_count(0)

    row_of(page, "Ben").get_by_test_id("user-toggle").click()
    expect(row_of(page, "Ben")).to_contain_text("disabled")
    expect(ben.get_by_test_id("sign-in")).to_contain_text("Your session has ended", timeout=LONG)
    assert fits(page)
    row_of(page, "Max").get_by_test_id("user-more").click()
    page.get_by_test_id("user-erase").click()
    page.get_by_test_id("erase-name").fill("Max")
    page.get_by_test_id("erase-dialog-yes").click()
    expect(row_of(page, "Max")).to_have_count(0)

    page.reload()
    book = page.get_by_test_id("audit")
    expect(book.get_by_test_id("audit-row").first).to_contain_text("DELETE /api/users/{user_id}")
    book.get_by_role("searchbox").fill("PATCH")
    expect(book.get_by_test_id("audit-row")).to_have_count(4)
    expect(book.get_by_test_id("audit-row").last).to_contain_text("409")
    expect(book.get_by_test_id("audit-row").first).to_contain_text("Ada")


def test_with_keys_only_a_key_opens_the_page(page: Page, serve: Serve) -> None:
    """There is no name to sign in with; a wrong key is refused, and who came in with one is told what it is not for."""
    service = serve(AUTH__MODE="keys")
    page.goto(service.url)
    expect(page.get_by_test_id("sign-in-name")).to_have_count(0)
    page.get_by_test_id("sign-in-key").fill("vck_wrong")
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("form-error")).to_contain_text("This API key is unknown")
    page.get_by_test_id("sign-in-key").fill(on_the_server(_make_key(service.data)))
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("library-shared")).to_have_count(0)  # there is nobody to share with
    choose(page, "menu-account")
    expect(page.get_by_test_id("account")).to_contain_text("You came in with an API key")
    expect(page.get_by_test_id("key-row")).to_contain_text("my browser")
    for control in ("key-form", "key-revoke", "password", "erase"):
        expect(page.get_by_test_id(control)).to_have_count(0)
    choose(page, "menu-users")
    expect(page.get_by_test_id("all-keys")).to_contain_text("my browser")
    expect(page.get_by_test_id("user-row")).to_have_count(0)


def test_without_accounts_nothing_of_them_is_seen(page: Page, serve: Serve) -> None:
    """No menu, no sharing and no kinds of recordings; one request tells the page so, before any other."""
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url.partition("/api/")[2]) if "/api/" in request.url else None
    )
    service = serve()
    page.goto(service.url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    assert [one for one in asked if one.startswith("session")] == ["session"]
    assert asked[0] == "session"
    for control in ("account-menu", "library-shared", "share"):
        expect(page.get_by_test_id(control)).to_have_count(0)
    page.goto(f"{service.url}/account")
    expect(page.get_by_text("There are no accounts here")).to_be_visible()

"""The page in a real browser; any error that the page reports fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from conftest import skip_unless_ci
from e2e.conftest import Service
from recordings import SAMPLE
from videochat.web.page import FOLDER

LONG = 60_000


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    if not (FOLDER / "index.html").is_file():
        skip_unless_ci("the page is not built (make page)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield opened
        opened.close()


def _is_error(message: ConsoleMessage) -> bool:
    """Say whether the page complains; the browser's own note about a 4xx that the page handles is no complaint."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
    yield opened
    context.close()
    assert errors == []


def test_upload_watch_read_ask_and_check(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """Upload → live progress → click a segment → ask → click a citation → the player stands at that second."""
    recording = tmp_path / "lecture.mp4"
    recording.write_bytes(SAMPLE.read_bytes())
    page.goto(serve().url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)  # the page has loaded the library
    page.get_by_test_id("upload-input").set_input_files(recording)
    row = page.get_by_test_id("media-row").first
    expect(row).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("media-progress").first).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("engine-badge").first).to_be_visible()

    row.get_by_role("link").first.click()
    first = page.get_by_test_id("segment").first
    expect(first).to_contain_text("welcome", timeout=LONG)
    spoken = page.get_by_test_id("segment").filter(has_text="catches the light of the sun")
    expect(spoken).to_be_visible(timeout=LONG)
    spoken.click()
    player = page.get_by_test_id("player")
    page.wait_for_function("document.querySelector('[data-testid=player]').currentTime > 10")
    assert player.evaluate("video => video.error && video.error.message") is None

    expect(page.get_by_test_id("media-progress")).to_have_count(0, timeout=LONG)

    page.get_by_test_id("ask-input").fill("How does the tree make the red color?")
    page.get_by_test_id("ask-send").click()
    citation = page.get_by_test_id("citation").first
    expect(citation).to_be_visible(timeout=LONG)
    start = float(citation.get_attribute("data-start"))
    assert 38 < start < 43
    player.evaluate("video => video.pause()")
    citation.click()
    page.wait_for_function(
        "start => Math.abs(document.querySelector('[data-testid=player]').currentTime - start) < 1.5", arg=start
    )


def test_languages_themes_and_an_empty_library(page: Page, serve: Callable[..., Service]) -> None:
    """The page speaks Chinese when asked to, remembers it, and has a dark side."""
    url = serve().url
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_test_id("language-toggle").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_test_id("theme-toggle").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_a_bad_file_is_said_in_a_notice(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """What the service refuses is shown with its reason, and the library stays empty."""
    (tmp_path / "notes.mp4").write_text("this is no recording")
    page.goto(serve().url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)  # the page has loaded the library
    page.get_by_test_id("upload-input").set_input_files(tmp_path / "notes.mp4")
    expect(page.get_by_text("cannot be read as audio or video").first).to_be_visible(timeout=LONG)
    assert page.get_by_test_id("media-row").count() == 0

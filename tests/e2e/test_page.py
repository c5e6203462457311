"""The page in a real browser; any error that the page reports fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Service
from recordings import SAMPLE, lecture_wav
from stub_provider import Reply, stub_model
from website import Page as Page_
from website import website

LONG = 60_000
SLOW_WORDS = tuple(f"word{n} " for n in range(40))


@pytest.fixture
def slow_model() -> Iterator[dict[str, str]]:
    """Give the settings of a language model that takes some seconds for an answer."""
    with stub_model(Reply(SLOW_WORDS, delay=0.1)) as settings:
        yield settings


def add_sample(page: Page, url: str, folder: Path) -> None:
    """Add the bundled lecture and open its page as soon as there is a word of it."""
    (folder / "lecture.mp4").write_bytes(SAMPLE.read_bytes())
    page.goto(url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    page.get_by_test_id("upload-input").set_input_files(folder / "lecture.mp4")
    page.get_by_test_id("media-row").get_by_role("link").click(timeout=LONG)
    expect(page.get_by_test_id("segment").first).to_be_visible(timeout=LONG)


def ask(page: Page, question: str) -> None:
    page.get_by_test_id("ask-input").fill(question)
    page.get_by_test_id("ask-send").click()


def expect_playing(page: Page) -> None:
    """Wait until the player has gone on by a second, at about the pace of a clock."""
    now = page.get_by_test_id("player").evaluate("video => video.currentTime")
    page.wait_for_function(
        "now => document.querySelector('[data-testid=player]').currentTime > now + 1", arg=now, timeout=6_000
    )


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
    expect_playing(page)
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


def test_why_something_failed_is_said_in_the_language_of_the_page(page: Page, serve: Callable[..., Service]) -> None:
    """In English the service's own words, in Chinese the text for their code; changing the language changes it at once."""
    service = serve()
    with service.client() as client:
        job = client.post("/api/media/import", json={"url": "http://127.0.0.1:9/talk.wav"}).raise_for_status().json()
    page.goto(f"{service.url}/media/{job['media_id']}")
    status = page.get_by_test_id("media-status")
    expect(status).to_contain_text("The link leads into a private network", timeout=LONG)
    page.get_by_test_id("language-toggle").click()
    expect(status).to_contain_text("此链接指向内部网络")
    expect(status).not_to_contain_text("private network")


def test_languages_themes_and_an_empty_library(page: Page, serve: Callable[..., Service]) -> None:
    """The page speaks Chinese when asked to, everywhere, remembers that and what was dismissed, and has a dark side."""
    url = serve().url
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_test_id("language-toggle").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_test_id("theme-toggle").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    note = page.get_by_test_id("engine-badge")
    expect(note).to_contain_text("当前使用基础离线识别")
    expect(note).to_contain_text("STT__MODEL=")
    page.get_by_test_id("engine-dismiss").click()
    expect(note).to_have_count(0)
    page.goto(f"{url}/nothing/here")
    expect(page.get_by_role("heading", name="这里什么也没有")).to_be_visible()
    page.get_by_role("link", name="前往资料库").click()
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(note).to_have_count(0)


def test_a_transcription_is_paused_resumed_and_cancelled(
    page: Page, serve: Callable[..., Service], tmp_path: Path
) -> None:
    """The buttons of a row steer its job, the row says how it stands, and what is left of the work is told as a time."""
    recording = lecture_wav(tmp_path / "long talk.wav", seconds=60, times=8)
    page.goto(serve(JOBS__WINDOW_SECONDS="20").url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)
    page.get_by_test_id("upload-input").set_input_files(recording)
    expect(page.get_by_test_id("media-remaining")).to_be_visible(timeout=LONG)
    page.get_by_test_id("job-pause").click()
    status = page.get_by_test_id("media-status")
    expect(status).to_contain_text("Paused", timeout=LONG)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_test_id("job-pause")).to_be_visible(timeout=LONG)
    page.get_by_test_id("job-cancel").click()
    expect(status).to_contain_text("Cancelled", timeout=LONG)
    page.reload()
    expect(page.get_by_test_id("media-status")).to_contain_text("Cancelled", timeout=LONG)
    page.get_by_test_id("media-row").get_by_role("link").click()
    expect(page.get_by_test_id("rest")).to_contain_text("was cancelled", timeout=LONG)
    ask(page, "What about the leaves?")
    expect(page.get_by_test_id("answer-coverage")).to_contain_text("was cancelled", timeout=LONG)


def test_a_link_is_fetched_before_ones_eyes(page: Page, serve: Callable[..., Service]) -> None:
    """A wrong link is said in the dialog; a right one becomes a row that says how far it is, and then a recording like any other."""
    with website(lecture__mp4=Page_(SAMPLE.read_bytes(), "video/mp4", hold=True)) as there:
        page.goto(serve(DOWNLOAD__ALLOW_PRIVATE="true").url)
        page.get_by_test_id("link-open").click(timeout=LONG)
        page.get_by_test_id("link-input").fill("ftp://127.0.0.1/lecture.mp4")
        page.get_by_test_id("link-dialog-yes").click()
        expect(page.get_by_test_id("link-dialog")).to_contain_text("This is no link", timeout=LONG)
        page.get_by_test_id("link-input").fill(there.url("/lecture.mp4"))
        page.get_by_test_id("link-dialog-yes").click()
        expect(page.get_by_test_id("media-status")).to_contain_text("Fetching", timeout=LONG)
        page.get_by_test_id("media-row").get_by_role("link").click()
        expect(page.get_by_test_id("player-away")).to_be_visible(timeout=LONG)
        there.go_on.set()
        expect(page.get_by_test_id("player")).to_be_visible(timeout=LONG)
        expect(page.get_by_test_id("segment").first).to_be_visible(timeout=LONG)


def test_a_bad_file_is_said_in_a_notice(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """What the service refuses is shown with its name and reason, not to be tried again, and the library stays empty."""
    (tmp_path / "notes.mp4").write_text("this is no recording")
    page.goto(serve().url)
    expect(page.get_by_test_id("empty")).to_be_visible(timeout=LONG)  # the page has loaded the library
    page.get_by_test_id("upload-input").set_input_files(tmp_path / "notes.mp4")
    expect(page.get_by_text("cannot be read as audio or video").first).to_be_visible(timeout=LONG)
    notice = page.get_by_test_id("notice")
    expect(notice).to_contain_text("notes.mp4")
    expect(notice).not_to_contain_text("Reference")
    expect(page.get_by_test_id("upload-row").get_by_role("button", name="Try again")).to_have_count(0)
    assert page.get_by_test_id("media-row").count() == 0


def test_answers_survive_a_reload(
    page: Page, serve: Callable[..., Service], slow_model: dict[str, str], tmp_path: Path
) -> None:
    """A reload while the answer is being written loses no word of it, and another tab shows the same conversation."""
    add_sample(page, serve(**slow_model).url, tmp_path)
    ask(page, "Why are the leaves red?")
    answer = page.get_by_test_id("answer")
    expect(page.get_by_test_id("answer-text")).to_contain_text("word3", timeout=LONG)
    page.reload()
    expect(answer).to_have_attribute("data-status", "running", timeout=LONG)
    expect(page.get_by_test_id("answer-text")).to_contain_text("word0")
    tab = page.context.new_page()
    tab.goto(page.url)
    for one in (page, tab):
        expect(one.get_by_test_id("answer")).to_have_attribute("data-status", "completed", timeout=LONG)
        expect(one.get_by_test_id("answer")).to_contain_text("Why are the leaves red?")
        assert one.get_by_test_id("answer-text").inner_text().split() == [word.strip() for word in SLOW_WORDS]


def test_conversations_are_begun_chosen_and_deleted(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """Each recording and the library keep their conversations apart, what is deleted stays away, a citation plays."""
    url = serve().url
    add_sample(page, url, tmp_path)
    answer = page.get_by_test_id("answer")
    ask(page, "What about the leaves?")
    expect(answer).to_have_attribute("data-status", "completed", timeout=LONG)
    page.get_by_test_id("conversation-new").click()
    expect(answer).to_have_count(0)
    ask(page, "Where is Antarctica?")
    expect(answer).to_have_attribute("data-status", "completed", timeout=LONG)
    page.reload()
    expect(answer).to_contain_text("Where is Antarctica?", timeout=LONG)
    page.get_by_test_id("conversations").select_option(label="What about the leaves?")
    expect(answer).to_contain_text("What about the leaves?", timeout=LONG)
    page.get_by_test_id("conversation-delete").click()
    page.get_by_test_id("confirm-yes").click()
    expect(answer).to_have_count(0)
    page.reload()
    expect(answer).to_contain_text("Where is Antarctica?", timeout=LONG)
    expect(page.get_by_test_id("conversations").locator("option")).to_have_count(1)
    page.goto(url)
    expect(page.get_by_test_id("media-row")).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("conversations")).to_have_count(0)
    ask(page, "What about the leaves?")
    citation = page.get_by_test_id("citation").first
    expect(citation).to_contain_text("lecture.mp4", timeout=LONG)
    start = float(citation.get_attribute("data-start"))
    citation.click()
    player = page.get_by_test_id("player")
    expect(player).to_be_visible(timeout=LONG)
    page.wait_for_function("start => document.querySelector('video').currentTime >= start", arg=start)
    expect_playing(page)

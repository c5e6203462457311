"""The page for those who look after the service, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from e2e.conftest import Service, free_port

LONG = 60_000


def test_the_dashboard_draws_what_the_service_counts(page: Page, serve: Callable[..., Service]) -> None:
    """Tiles, charts with their newest numbers, and both processes; in Chinese and dark too, never wider than the window."""
    page.goto(serve().url)
    page.get_by_test_id("ops-link").click()
    expect(page).to_have_url(re.compile("/ops$"))
    expect(page.get_by_test_id("processes").get_by_role("row")).to_have_count(3, timeout=LONG)
    traffic = page.get_by_test_id("chart-traffic")
    # The second of two moments, fifteen seconds apart, is the first that has rates.
    expect(traffic.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"Requests: \d"), timeout=LONG)
    expect(page.get_by_test_id("chart-machines")).to_contain_text("Memory")
    expect(page.get_by_test_id("chart-cache").get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^Cache hits: Memory: ")
    )
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(value => value !== 0)"
    assert traffic.locator("canvas").evaluate(drawn)
    page.get_by_test_id("language-toggle").click()
    page.get_by_test_id("theme-toggle").click()
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_role("heading", name="运维")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_setting_is_changed_refused_and_taken_back(page: Page, serve: Callable[..., Service]) -> None:
    """What is saved is in force and shown as changed; a wrong value is refused with the reason; a secret is not shown."""
    service = serve(SECRET_KEY="0123456789abcdef0123456789abcdef")
    page.goto(f"{service.url}/ops")

    def setting(name: str) -> Locator:
        return page.locator(f"[data-testid=setting][data-name={name}]")

    words = setting("STT__HOTWORDS")
    words.get_by_role("textbox").fill("Kubernetes")
    words.get_by_role("button", name="Save").click()
    expect(words).to_contain_text("changed here")
    page.reload()
    expect(words.get_by_role("textbox")).to_have_value("Kubernetes")

    beam = setting("STT__BEAM_SIZE")
    beam.get_by_role("spinbutton").fill("99")
    beam.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("less than or equal to 20"))).to_be_visible()

    key = setting("AI__API_KEY")
    key.locator("input").fill("sk-planted")
    key.get_by_role("button", name="Save").click()
    expect(key).to_contain_text("changed here")
    expect(key.locator("input")).to_have_value("")
    assert "sk-planted" not in page.content()

    words.get_by_role("button", name="Take back").click()
    expect(words.get_by_role("textbox")).to_have_value("")


def test_an_alert_is_seen_and_acknowledged(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """A rule that holds fires within half a minute; who acknowledges it is in the history."""
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "Alive"\nexpression = "last(workers) > 0"\nseverity = "info"\nmessage = "A worker lives."\n'
    )
    page.goto(f"{serve(ALERTS__RULES=str(rules)).url}/ops")
    alert = page.get_by_test_id("alert").filter(has_text="A worker lives.")
    expect(alert).to_contain_text("firing", timeout=LONG)
    alert.get_by_role("button", name="Acknowledge").click()
    expect(alert).to_contain_text("acknowledged")
    page.get_by_text("What happened").click()
    expect(page.get_by_text("Alive: acknowledged")).to_be_visible()


def test_who_is_told_of_alerts_can_be_tried(page: Page, serve: Callable[..., Service]) -> None:
    """A test message says for each destination whether it got there; the addresses are nowhere on the page."""
    address = f"json://127.0.0.1:{free_port()}/s3cret-path"  # where nobody listens
    page.goto(f"{serve(ALERTS__NOTIFY_URLS=json.dumps([address])).url}/ops")
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_test_id("notifications")).to_contain_text("json 1: not sent", timeout=LONG)
    assert "s3cret-path" not in page.content()


def test_the_log_is_searched(page: Page, serve: Callable[..., Service]) -> None:
    """Lines of both processes, newest first; a level and a text leave out the others; an id leads to its lines."""
    service = serve()
    with service.client() as client:
        client.get("/api/media/unheard-of", headers={"X-Request-ID": "looked-for"})
    page.goto(f"{service.url}/ops")
    lines = page.get_by_test_id("log-line")
    expect(lines.filter(has_text="worker.started")).to_have_count(1)
    page.get_by_test_id("logs").get_by_role("searchbox").fill("unheard-of")
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("status=404")
    lines.get_by_role("button", name="looked-for").click()
    expect(page.get_by_test_id("logs").get_by_role("searchbox")).to_have_value("looked-for")
    expect(lines).to_have_count(1)
    page.get_by_test_id("logs").get_by_role("combobox").select_option("error")
    expect(page.get_by_text("No line fits.")).to_be_visible()

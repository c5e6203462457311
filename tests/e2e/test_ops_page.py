"""The page for those who look after the service, in a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from e2e.conftest import Service, free_port
from harness.paced import install, windows_of_ten_seconds
from recordings import lecture_wav
from stub_provider import Reply, stub_model

LONG = 60_000
CHARTS = [
    *("traffic", "latency", "speed", "work", "jobs", "workers", "provider", "writing", "spent"),
    *("machines", "network", "uploads", "cache"),
]
# A chart of nothing has its axes too, which are grey: a line is not.
DRAWN = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let k = 0; k < data.length; k += 4) {
        const pixel = data.slice(k, k + 3);
        if (data[k + 3] > 127 && Math.max(...pixel) - Math.min(...pixel) > 25) return true;
    }
    return false;
}"""
# Eleven tokens are sent and seven written: an answer costs as many dollars and a half.
PRICES = {"AI__INPUT_PRICE": "500000", "AI__OUTPUT_PRICE": "2000000"}


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
    expect(page.get_by_test_id("chart-network").get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"Received: \d")
    )
    expect(page.get_by_test_id("workers").get_by_role("row").nth(1)).to_contain_text("nothing")
    expect(page.get_by_test_id("chart-cache").get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^Cache hits: Memory: ")
    )
    page.get_by_test_id("language-toggle").click()
    page.get_by_test_id("theme-toggle").click()
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_role("heading", name="运维")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_chart_follows_what_happens(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """While the page is open a job ends and answers are paid for: the numbers change by themselves, every chart has its line."""
    recording = lecture_wav(tmp_path / "talk.wav").read_bytes()
    with stub_model(Reply(("It is ", "green."))) as model:
        service = serve(**model, **PRICES)
        page.goto(service.url)  # the list is looked for in the cache
        page.get_by_test_id("ops-link").click()
        _says(page, "jobs", "Completed: 0 in all, Failed: 0 in all")
        with service.client() as client:
            media = client.post("/api/media", content=recording, params={"name": "talk.wav"}).json()
            assert "completed" in client.get(f"/api/jobs/{media['job']['id']}/events", timeout=60).text
            client.post("/api/answers", json={"question": "What is it?", "media": [media["id"]]}).raise_for_status()
        _says(page, "jobs", "Completed: 1 in all, Failed: 0 in all")
        _says(page, "spent", "Spent: 19.5 US$ in all")
        _says(page, "workers", "Alive: 1 ")
    charts = page.locator("[data-testid^=chart-]")
    assert charts.evaluate_all("all => all.map(one => one.dataset.testid)") == [f"chart-{name}" for name in CHARTS]
    for name in CHARTS:
        assert page.get_by_test_id(f"chart-{name}").locator("canvas").evaluate(DRAWN), name


def _says(page: Page, chart: str, numbers: str) -> None:
    """Wait until the chart says so. Moments are fifteen seconds apart, and the page asks as often."""
    image = page.get_by_test_id(f"chart-{chart}").get_by_role("img")
    expect(image).to_have_attribute("aria-label", re.compile(re.escape(numbers)), timeout=LONG)


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


def test_a_file_that_is_refused_is_said(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """Above the settings stands what is wrong with it, in both languages, until it is put right."""
    service = serve()
    (tmp_path / ".env").write_text("STT__BEAM_SIZE=0\n", encoding="utf-8")
    until_refused(service, 1)
    page.goto(f"{service.url}/ops")
    told = page.get_by_test_id("refused")
    expect(told).to_contain_text("files and environment: Setting STT__BEAM_SIZE")
    page.get_by_test_id("language-toggle").click()
    expect(told).to_contain_text("已拒绝")
    (tmp_path / ".env").write_text("STT__BEAM_SIZE=1\n", encoding="utf-8")
    until_refused(service, 0)
    page.reload()
    expect(page.get_by_test_id("setting").first).to_be_visible()
    expect(told).to_have_count(0)


def until_refused(service: Service, things: int) -> None:
    """Wait until the service says that it has refused so many things."""
    deadline = time.monotonic() + 20
    with service.client() as client:
        while len(client.get("/api/ops/settings").json()["refused"]) != things:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_alert_is_seen_acknowledged_and_silenced(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """A rule that holds fires within half a minute; who acknowledges and who silences it is in the history, for an hour."""
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "Alive"\nexpression = "last(workers) > 0"\nseverity = "info"\nmessage = "A worker lives."\n'
    )
    service = serve(ALERTS__RULES=str(rules))
    page.goto(f"{service.url}/ops")
    alert = page.get_by_test_id("alert").filter(has_text="A worker lives.")
    expect(alert).to_contain_text("firing", timeout=LONG)
    alert.get_by_role("button", name="Acknowledge").click()
    expect(alert).to_contain_text("acknowledged")
    alert.get_by_role("button", name="Silence for an hour").click()
    expect(alert.get_by_text("silenced", exact=True)).to_be_visible()
    expect(alert.get_by_role("button")).to_have_count(0)
    page.get_by_text("What happened").click()
    expect(page.get_by_text("Alive: acknowledged")).to_be_visible()
    expect(page.get_by_text("Alive: silenced")).to_be_visible()
    with service.client() as client:
        (until,) = [
            one["silenced_until"] for one in client.get("/api/ops/alerts").json()["items"] if one["name"] == "Alive"
        ]
    left = datetime.fromisoformat(until) - datetime.now(UTC)
    assert timedelta(minutes=55) < left <= timedelta(hours=1)


def test_workers_are_shown_with_what_they_work_on(page: Page, serve: Callable[..., Service], tmp_path: Path) -> None:
    """While a job runs, its worker and the window that it holds are in the API and on the page; when it ends, no more."""
    service = serve(**install(tmp_path), **windows_of_ten_seconds(600, at_a_time=1))
    row = page.get_by_test_id("workers").get_by_role("row").nth(1)
    page.goto(f"{service.url}/ops")
    expect(row).to_contain_text("nothing")
    with service.client() as client:
        recording = lecture_wav(tmp_path / "talk.wav").read_bytes()
        media = client.post("/api/media", content=recording, params={"name": "talk.wav"}).json()
        job = media["job"]["id"]
        expect(row).to_contain_text(f"window 1 · {job}", timeout=LONG)
        (worker,) = client.get("/api/ops/workers").json()["items"]
        expect(row).to_contain_text(worker["id"])
        assert worker["alive"]
        assert worker["pid"] in service.children()
        assert worker["leases"] == [{"job_id": job, "media_id": media["id"], "kind": "window", "n": 0, "tries": 1}]
        client.post(f"/api/jobs/{job}/cancel").raise_for_status()
    expect(row).to_contain_text("nothing")


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

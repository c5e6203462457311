"""Real processes, as a user starts them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from conftest import skip_unless_ci
from videochat.web.page import FOLDER

expect.set_options(timeout=30_000)  # milliseconds: as long as a machine takes that has much else to do

VIDEOCHAT = [sys.executable, "-m", "videochat"]


@dataclass
class Service:
    """A running `videochat serve`."""

    process: subprocess.Popen[bytes]
    url: str
    data: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)

    def log(self) -> str:
        """Return what it and its worker have logged so far."""
        return (self.data.parent / "serve.log").read_text(encoding="utf-8")

    def children(self) -> list[int]:
        """Return the process ids of everything below the service."""
        found, level = [], [self.process.pid]
        while level:
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", ",".join(map(str, level))], capture_output=True, text=True, check=False)  # fmt: skip
            level = [int(pid) for pid in listed.stdout.split()]
            found += level
        return found

    def children_named(self, argument: str) -> list[int]:
        """Return those of the children that were started with this argument."""
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in self.children()}
        return [pid for pid, line in lines.items() if argument.encode() in line]

    def kill(self) -> None:
        """Kill the web process as the kernel would, without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path, **settings: str) -> dict[str, str]:
    """Return an environment in which only these settings and the basic recogniser count."""
    inherited = {name: value for name, value in os.environ.items() if "__" not in name}
    return {**inherited, "DATA_DIR": str(data), "STT__ENGINE": "pocketsphinx", **settings}


def start_service(data: Path, **settings: str) -> Service:
    """Start `videochat serve` on a free port and wait until it and its worker are ready."""
    port = free_port()
    with (data.parent / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [*VIDEOCHAT, "serve", "--port", str(port)], env=environment(data, **settings), cwd=data.parent,
            stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
    service = Service(process, f"http://127.0.0.1:{port}", data)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            components = httpx.get(f"{service.url}/health/ready").json()["components"]
            if components["workers"]["alive"]:
                return service
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    service.kill()
    pytest.fail(f"the service did not get ready: {(data.parent / 'serve.log').read_text()[-2000:]}")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Give a function that starts services on one data folder; all are stopped at the end."""
    started: list[Service] = []

    def start(**settings: str) -> Service:
        started.append(start_service(tmp_path / "data", **settings))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.process.terminate()
            service.process.wait(20)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of a Chromium."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        skip_unless_ci("no Chromium (set CHROMIUM or install it)")
    return str(found)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    # No longer than its module: while Playwright is open, no test of this process can run an event loop.
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
    if "svelte.dev/e/" in message.text:
        return True  # Svelte warns of what will not be drawn anew
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@contextmanager
def watched_page(browser: Browser) -> Iterator[Page]:
    """Give a page in a browser profile of its own; in the end it must not have complained of anything."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
    yield context.new_page()
    context.close()
    assert errors == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser) as opened:
        yield opened


@pytest.fixture
def another_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Give a function that opens the page as somebody else, with no cookie of the others."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(watched_page(browser))

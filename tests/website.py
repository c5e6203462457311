"""A small web site on the loopback address with recordings, and with what links to them can go wrong with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """What one path gets. `hold`: the rest comes only after half of the body, when the site is let go on."""

    body: bytes = b""
    kind: str = "text/html"
    status: int = 200
    location: str | None = None
    hold: bool = False
    says: int | None = None  # the length it claims, if not the true one; 0: it claims none


@dataclass(slots=True)
class Website:
    """The pages by path; `asked` is every path that somebody asked for, in order."""

    pages: dict[str, Page]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)  # somebody went away before the end
    go_on: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


def html(body: str, title: str = "A page") -> Page:
    return Page(f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>".encode())


@contextmanager
def website(**pages: Page) -> Iterator[Website]:
    """Serve the pages, named by their paths without the slash; a dot is written as two underscores."""
    here = Website({f"/{name.replace('__', '.')}": page for name, page in pages.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            here.asked.append(self.path)
            _answer(self, here, here.pages.get(self.path, Page(b"nothing here", status=404)))

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        here.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def _answer(handler: BaseHTTPRequestHandler, here: Website, page: Page) -> None:
    handler.send_response(page.status)
    handler.send_header("Content-Type", page.kind)
    if page.says != 0:
        handler.send_header("Content-Length", str(page.says or len(page.body)))
    if page.location is not None:
        handler.send_header("Location", page.location)
    handler.end_headers()
    if handler.command == "HEAD":
        return
    try:
        for start in range(0, len(page.body), BLOCK):
            if page.hold and start >= len(page.body) // 2:
                here.go_on.wait(60)
            handler.wfile.write(page.body[start : start + BLOCK])
    except OSError:
        here.left.set()

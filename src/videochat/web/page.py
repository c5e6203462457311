"""The built page: static files that ship inside the package, one index for all of its addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from videochat.web.problems import http_problem

FOLDER = Path(__file__).parent / "page"
ADDRESSES = ("/", "/search", "/media/{media_id}", "/ops", "/account", "/users", "/shared")
# First parts of addresses that are for programs: what is unknown there stays a problem.
FOR_PROGRAMS = frozenset({"api", "assets", "health", "mcp", "metrics", "openapi.json", "v1"})
MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>VideoChat</title>
<h1>VideoChat is running, its page is missing</h1>
<p>This installation was built without node, so the page could not be made. The command line and the
<a href="/openapi.json">API</a> work. To get the page, install npm and run <code>make page</code> in the checkout,
or install a released wheel, which carries it.</p></html>"""


def install(api: FastAPI, folder: Path = FOLDER) -> None:
    """Serve the page if it was built, else a page that says what is missing."""
    built = (folder / "index.html").is_file()

    def page(status: int) -> Response:
        if not built:
            return HTMLResponse(MISSING, status)
        return FileResponse(folder / "index.html", status, headers={"Cache-Control": "no-cache"})

    async def index() -> Response:
        return page(200)

    async def unknown(request: Request, error: Exception) -> Response:
        return page(404) if _opened_by_a_person(request) else await http_problem(request, error)

    router = APIRouter(include_in_schema=False)
    for address in ADDRESSES:
        router.add_api_route(address, index, methods=["GET"])
    api.include_router(router)
    api.add_exception_handler(404, unknown)
    if built:
        api.mount("/assets", _Immutable(directory=folder / "assets"), name="assets")
        _serve_root_files(api, folder)


def _opened_by_a_person(request: Request) -> bool:
    if request.method not in {"GET", "HEAD"} or request.url.path.split("/")[1] in FOR_PROGRAMS:
        return False
    return "text/html" in request.headers.get("accept", "")


def _serve_root_files(api: FastAPI, folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name != "index.html":
            api.add_api_route(f"/{file.name}", _file_route(file), methods=["GET"], include_in_schema=False)


def _file_route(file: Path) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return FileResponse(file)

    return serve


class _Immutable(StaticFiles):
    """Assets carry their hash in their names, so browsers may keep them for ever."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

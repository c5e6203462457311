"""The raw limit of a web process: Starlette with one small JSON answer, under the options of `videochat serve`.

python bench/harness/bare.py PORT
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def answer(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "components": {}})


def main() -> None:
    app = Starlette(routes=[Route("/", answer)])
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=5, timeout_keep_alive=30,
    )  # fmt: skip


if __name__ == "__main__":
    main()

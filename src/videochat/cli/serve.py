"""`videochat serve` and `videochat worker`: the two kinds of process."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
from typing import Annotated

import structlog
import typer
import uvicorn

from videochat.app import open_app
from videochat.cli.terminal import run
from videochat.errors import ConfigurationError
from videochat.ops.logging import configure_logging
from videochat.settings import Settings, load_settings
from videochat.web.server import create_api

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no worker beside the web process.")] = False,
) -> None:
    """Serve the page and the API, with a worker that is started and supervised."""
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings = load_settings(**({"server": given} if given else {}))
    configure_logging(settings.log)
    run(_serve(settings, with_worker=not no_worker))


def worker(
    concurrency: Annotated[int | None, typer.Option(help="Jobs at a time.")] = None,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Work on jobs until stopped; many workers may share one database."""
    settings = load_settings(**({"jobs": {"concurrency": concurrency}} if concurrency else {}))
    configure_logging(settings.log)
    run(_work(settings, supervised=supervised))


async def _serve(settings: Settings, *, with_worker: bool) -> None:
    listener = _listen(settings)
    async with open_app(settings) as app:
        config = uvicorn.Config(
            create_api(app), log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5,
            timeout_keep_alive=30,
        )  # fmt: skip
        server = uvicorn.Server(config)
        async with contextlib.AsyncExitStack() as stack:
            if with_worker:
                supervisor = asyncio.create_task(_supervise_worker(), name="worker-supervisor")
                stack.push_async_callback(_cancelled, supervisor)
            log.info(
                "serving", url=f"http://{settings.server.host}:{settings.server.port}", data_dir=str(settings.data_dir)
            )
            await server.serve(sockets=[listener])


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is started. Raises ConfigurationError."""
    host, port = settings.server.host, settings.server.port
    if not _is_loopback(host):
        raise ConfigurationError(
            f"{host} can be reached from other machines, and there is no sign-in yet: keep SERVER__HOST on 127.0.0.1 and "
            "put a reverse proxy that asks who comes in front of it."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Port {port} on {host} cannot be used ({error.strerror}): something else listens there; choose another with --port.",
            code="port_in_use",
        ) from None
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _supervise_worker() -> None:
    """Keep one worker process alive; it is restarted after a pause that doubles while it keeps dying young."""
    pause = 1.0
    while True:
        started = asyncio.get_running_loop().time()
        # The pipe to its stdin tells the worker when this process dies, however that happens.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "videochat", "worker", "--supervised", stdin=asyncio.subprocess.PIPE
        )
        try:
            await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        if asyncio.get_running_loop().time() - started > HEALTHY_SECONDS:
            pause = 1.0
        log.warning("worker.died", status=process.returncode, restart_in=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _work(settings: Settings, *, supervised: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if supervised:
        loop.add_reader(sys.stdin.fileno(), _stop_at_the_end_of_stdin, stop)
    async with open_app(settings) as app:
        worker = app.worker()
        await worker.start()
        await stop.wait()
        await worker.stop()


def _stop_at_the_end_of_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()

"""`videochat serve` and `videochat worker`: the two kinds of process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType
from typing import Annotated, Any

import structlog
import typer
import uvicorn

from videochat.app import App, open_app
from videochat.cli.terminal import run
from videochat.errors import ConfigurationError, VideoChatError
from videochat.jobs.roster import alive_workers
from videochat.ops.keeping import Pauses, kept
from videochat.ops.logging import configure_logging
from videochat.ops.monitor import SUPERVISED
from videochat.ops.production import check_production, unguarded
from videochat.ops.tasks import cancelled
from videochat.settings import Settings, load_settings
from videochat.store.keeper import Read
from videochat.web.page import FOLDER as PAGE
from videochat.web.server import create_api

log = structlog.get_logger(__name__)

STOP_SECONDS = 5.0  # beyond the time to drain
STARTING_SECONDS = 60.0
SETTLING_SECONDS = 0.5
MOST_HEAD_BYTES = 32 * 1024  # of a request, as nginx takes
PAGE_INDEX = PAGE / "index.html"


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no worker beside the web process.")] = False,
) -> None:
    """Serve the page and the API, with a worker that is started and supervised."""
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    read = partial(load_settings, **({"server": given} if given else {}))
    run(_serve(_fit(read, "web"), read, with_worker=not no_worker))


def worker(
    queues: Annotated[str | None, typer.Option(help="Queues to take tasks from: fetch,decode,transcribe.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Windows at a time.")] = None,
    supervised: Annotated[bool, typer.Option(SUPERVISED, hidden=True)] = False,
) -> None:
    """Work on jobs until stopped; many workers may share one database."""
    given: dict[str, Any] = {"concurrency": concurrency, "queues": queues and queues.split(",")}
    chosen = {name: value for name, value in given.items() if value is not None}
    read = partial(load_settings, **({"jobs": chosen} if chosen else {}))
    run(_work(_fit(read, "worker"), read, supervised=supervised))


def _fit(read: Read, role: str) -> Settings:
    """Return the settings when they are fit for this environment, with the log as they say."""
    settings = read()
    check_production(settings)
    configure_logging(settings, role)
    return settings


@asynccontextmanager
async def _kept_app(settings: Settings, read: Read, role: str) -> AsyncIterator[App]:
    """Open an App that reports on itself and keeps up with its settings, which it reads anew on SIGHUP."""
    async with open_app(settings, read) as app:
        await app.keeper.start()
        await app.reporter.start(role)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.keeper.reload)
        yield app


async def _serve(settings: Settings, read: Read, *, with_worker: bool) -> None:
    listener = _listen(settings)
    async with _kept_app(settings, read, "web") as app:
        config = uvicorn.Config(
            create_api(app), log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5,
            # The bound is h11's alone, and "auto" takes another parser where one is installed.
            http="h11", h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            timeout_keep_alive=30, forwarded_allow_ips=["127.0.0.1", "::1", *settings.server.trusted_proxies],
        )  # fmt: skip
        server = _Server(config, app.feed.end)
        _freeze()
        async with contextlib.AsyncExitStack() as stack:
            patience = settings.jobs.drain_seconds + STOP_SECONDS
            helpers = asyncio.create_task(_helpers(app, server, patience, with_worker=with_worker), name="helpers")
            stack.push_async_callback(cancelled, helpers, again=patience + STOP_SECONDS)
            log.info("serving", url=_url(settings), data_dir=str(settings.data_dir))
            if sys.stdout.isatty():
                greeting = asyncio.create_task(_greet(app, server, with_worker=with_worker), name="greeting")
                stack.push_async_callback(cancelled, greeting)
            await server.serve(sockets=[listener])


def _url(settings: Settings) -> str:
    host = settings.server.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"


async def _greet(app: App, server: uvicorn.Server, *, with_worker: bool) -> None:
    """Tell the person at the terminal where the page is, below the log lines of starting."""
    with contextlib.suppress(VideoChatError, TimeoutError):  # the log says what is wrong with the database
        async with asyncio.timeout(STARTING_SECONDS):
            # The worker is a process of its own, which can only be asked again and again.
            while not server.started or (with_worker and not await alive_workers(app.database, app.settings.jobs)):  # noqa: ASYNC110
                await asyncio.sleep(SETTLING_SECONDS)
    await asyncio.sleep(SETTLING_SECONDS)
    what = "The page and the API are" if PAGE_INDEX.is_file() else "The page is not built (`make page`); the API is"
    typer.secho(f"\n{what} on {_url(app.settings)} – Ctrl-C stops the service.\n", bold=True)


async def _helpers(app: App, server: _Server, patience: float, *, with_worker: bool) -> None:
    """Have other processes work for this one as soon as it answers: before, their start would slow down its own."""
    await server.up.wait()
    app.media.keep_decoder_ready()
    if with_worker:
        await kept("worker", partial(_supervise_worker, patience))


class _Server(uvicorn.Server):
    """Stops on SIGINT and SIGTERM and returns; uvicorn's own would raise the signal again and end us before we clean up.

    `at_exit` is called first: streams that nobody ends would hold up everything else. `up` is set when it answers.
    """

    def __init__(self, config: uvicorn.Config, at_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._at_exit = at_exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._at_exit()
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _freeze() -> None:
    """Take what was built so far out of the garbage collector's sight: a full collection stopped every request for 0.1 s."""
    gc.collect()
    gc.freeze()


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is started. Raises ConfigurationError."""
    host, port = settings.server.host, settings.server.port
    if problem := unguarded(settings):
        raise ConfigurationError(problem)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Port {port} on {host} cannot be used ({error.strerror}): something else listens there; choose another with "
            "SERVER__PORT=… before the command (also before `make serve`) or with --port.",
            code="port_in_use",
        ) from None
    return listener


async def _supervise_worker(patience: float) -> None:
    """Keep one worker process alive; it is restarted after a pause that doubles while it keeps dying young."""
    pauses = Pauses()
    while True:
        started = asyncio.get_running_loop().time()
        # The pipe to its stdin tells the worker when this process dies, however that happens.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "videochat", "worker", SUPERVISED, stdin=asyncio.subprocess.PIPE
        )
        try:
            await process.wait()
        except asyncio.CancelledError:
            log.info("serve.stopping", waiting_for="the windows in flight of its worker", at_most_seconds=patience)
            await _stop(process, patience)
            raise
        pause = pauses.after(asyncio.get_running_loop().time() - started)
        log.warning("worker.died", status=process.returncode, restart_in=pause)
        await asyncio.sleep(pause)


async def _stop(process: asyncio.subprocess.Process, patience: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _work(settings: Settings, read: Read, *, supervised: bool) -> None:
    stop = _stop_signal(settings.jobs.drain_seconds, supervised=supervised)
    async with _kept_app(settings, read, "worker") as app:
        worker = app.worker()
        await worker.start()
        app.media.keep_decoder_ready()
        await worker.stop(await stop)


def _stop_signal(drain_seconds: float, *, supervised: bool) -> asyncio.Future[float]:
    """Return what will hold, once this process is to stop, for how long windows may go on until they end.

    Who presses Ctrl-C wants it to stop now, and so does the death of the web process; a service manager sends SIGTERM.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[float] = loop.create_future()

    def set_to(seconds: float) -> None:
        if not stop.done():
            stop.set_result(seconds)

    def at_the_end_of_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            set_to(0.0)

    loop.add_signal_handler(signal.SIGINT, set_to, 0.0)
    loop.add_signal_handler(signal.SIGTERM, set_to, drain_seconds)
    if supervised:
        loop.add_reader(sys.stdin.fileno(), at_the_end_of_stdin)
    return stop

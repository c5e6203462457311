"""The Model Context Protocol, spoken by its official library: over HTTP without sessions, and over a pipe."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from starlette.types import Receive, Scope, Send

from videochat import __version__
from videochat.app import App
from videochat.errors import BusyError, VideoChatError
from videochat.ops.tasks import cancelled
from videochat.web.mcp.door import Entrance
from videochat.web.mcp.tool import Caller, Result, Tool
from videochat.web.mcp.tools import INSTRUCTIONS, TOOLS

log = structlog.get_logger(__name__)

Context = ServerRequestContext[Any, Any]

MOST_CALLS = 100  # of tools, that one process works on at a time
MOST_BYTES = 256 * 1024  # of a request: a question and the ids of some recordings


class Desk:
    """Takes calls of tools, works on each in a task of its own and turns what comes of it into the protocol's results.

    A call that its client has left is cancelled, and cleans up by itself: the library's own tasks are cancelled again with every
    step, which leaves no time for that.
    """

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._calls: set[asyncio.Task[Result]] = set()

    def server(self) -> Server[Any]:
        server: Server[Any] = Server(
            "videochat", title="VideoChat", version=__version__, instructions=INSTRUCTIONS,
            on_list_tools=self.list, on_call_tool=self.call,
        )  # fmt: skip
        server.middleware.clear()  # traces of its own, beside ours
        return server

    async def list(self, context: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """Show the tools that this caller may use."""
        may = self._entrance.identity(context.request).actor.permissions
        return types.ListToolsResult(tools=[_described(one) for one in TOOLS.values() if one.rule.permission in may])

    async def call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Work on a call. What went wrong is a result too, which the model reads; it is never a part of one."""
        if params.name not in TOOLS:
            raise MCPError(types.INVALID_PARAMS, "There is no tool of this name.")
        try:
            return _result(await self._worked(context, TOOLS[params.name], params.arguments or {}))
        except VideoChatError as error:
            return _failure(error)

    async def close(self) -> None:
        await cancelled(*self._calls)

    async def _worked(self, context: Context, tool: Tool, arguments: dict[str, Any]) -> Result:
        identity = self._entrance.identity(context.request)
        await self._entrance.admit(tool.rule, identity)
        caller = Caller(self._entrance.app, identity.actor, _teller(context))
        task = self._begin(tool, caller, arguments)
        try:
            await asyncio.wait({task})
        finally:
            if not task.cancelling():  # else it is cleaning up already
                task.cancel()
        return _outcome(tool, task)

    def _begin(self, tool: Tool, caller: Caller, arguments: dict[str, Any]) -> asyncio.Task[Result]:
        wanted = tool.understood(arguments)
        if len(self._calls) >= MOST_CALLS:
            raise BusyError("Too many tools are being used; try again in a moment.")
        task = asyncio.ensure_future(tool.run(caller, wanted))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task


class HttpSpeaker:
    """Answers each request by itself, so that any web process can answer the next one.

    As a stream: so it says how an answer is going, and hears when the client leaves.
    """

    def __init__(self, entrance: Entrance) -> None:
        self._desk = Desk(entrance)
        self._manager = StreamableHTTPSessionManager(
            self._desk.server(), stateless=True, max_request_body_size=MOST_BYTES,
            # Our doorkeeper has compared host and origin, and knows which are allowed.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )  # fmt: skip
        self._closing = asyncio.Event()
        self._open: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)

    async def open(self) -> None:
        """Let the library begin; it must be ended by the task that began it, so it gets one."""
        begun = asyncio.Event()
        self._open = asyncio.create_task(self._stay_open(begun), name="mcp")
        await begun.wait()

    async def close(self) -> None:
        self._closing.set()
        await self._desk.close()
        if self._open is not None:
            await self._open

    async def _stay_open(self, begun: asyncio.Event) -> None:
        async with self._manager.run():
            begun.set()
            await self._closing.wait()


async def speak_over_pipe(app: App) -> None:
    """Serve who started this process over its stdin and stdout, as the local user, until they close them or send a signal."""
    desk = Desk(Entrance(app, rates=None))
    server = desk.server()
    with _ended_by_signals(desk):
        try:
            async with stdio_server() as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())
        finally:
            await desk.close()


@contextmanager
def _ended_by_signals(desk: Desk) -> Iterator[None]:
    """Let a signal end the process once the desk is empty: the library reads stdin in a thread that can only be killed."""
    loop = asyncio.get_running_loop()
    leaving: list[asyncio.Task[None]] = []

    async def leave(number: int) -> None:
        await desk.close()
        signal.raise_signal(number)

    def begin(number: int) -> None:
        signal.signal(number, signal.SIG_DFL)  # the next one waits for nothing
        leaving.append(asyncio.create_task(leave(number)))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, begin, number)
    yield
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def _teller(context: Context) -> Any:
    async def tell(seconds: float, sentence: str) -> None:
        await context.session.report_progress(seconds, message=sentence)

    return tell


def _outcome(tool: Tool, task: asyncio.Task[Result]) -> Result:
    if task.cancelled():
        raise BusyError("The service is about to stop; try again in a moment.")
    error = task.exception()
    if error is None or isinstance(error, VideoChatError):
        return task.result()
    log.error("mcp.crashed", tool=tool.name, exc_info=error)
    raise VideoChatError  # the library would send the error's text to the client


def _described(tool: Tool) -> types.Tool:
    about = types.ToolAnnotations(read_only_hint=not tool.stores, destructive_hint=False, open_world_hint=False)
    return types.Tool(
        name=tool.name, title=tool.title, description=tool.description, annotations=about,
        input_schema=tool.wanted.model_json_schema(),
    )  # fmt: skip


def _result(value: Result) -> types.CallToolResult:
    """Return it as data, and once more as text for clients that know no data."""
    text = types.TextContent(text=json.dumps(value, ensure_ascii=False))
    return types.CallToolResult(content=[text], structured_content=value)


def _failure(error: VideoChatError) -> types.CallToolResult:
    again = " It may help to try again later." if error.retryable else ""
    text = types.TextContent(text=f"{error.message} [{error.reason}]{again}")
    return types.CallToolResult(content=[text], is_error=True)

"""Speech engines in child processes under leases: loaded on demand, shared, and gone when nobody uses them.

Ending the process is the only way in which a model's memory really comes back and a cancel takes effect at once.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import structlog

from videochat.errors import EngineCrashedError, EngineUnavailableError, VideoChatError
from videochat.ops.child import Child, ChildEndedError
from videochat.ops.logging import request_id
from videochat.ops.serving import Message
from videochat.transcripts.replies import raise_error, read_segment
from videochat.transcripts.segment import Segment
from videochat.transcripts.transcriber import EngineSpec, Options

log = structlog.get_logger(__name__)

CHILD = "videochat.transcripts.engine_child"


@dataclass(frozen=True, slots=True)
class Listening:
    """A window that an engine listens to right now; the segments come while it does."""

    language: str | None
    segments: AsyncGenerator[Segment]


class EngineHost:
    """At most `limit` engine processes, each doing one window at a time; waiters come in their order.

    A process that nobody used for `idle_seconds` is ended. `environment` is added to that of the processes. `on_load` is told
    how many seconds it took to load an engine.
    """

    def __init__(
        self,
        limit: int,
        idle_seconds: float,
        environment: Mapping[str, str] | None = None,
        on_load: Callable[[EngineSpec, float], None] = lambda *_: None,
    ) -> None:
        self.limit = limit
        self._on_load = on_load
        self._idle_seconds = idle_seconds
        self._environment = environment
        self._turns = asyncio.Semaphore(limit)
        self._busy = 0
        self._leases: set[_Lease] = set()
        self._idle: list[_Idle] = []
        self._warming: dict[EngineSpec, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The processes that are alive now, in use or not."""
        return [child.pid for child in self._children() if child.alive]

    @asynccontextmanager
    async def transcribe(self, spec: EngineSpec, audio: Path, options: Options) -> AsyncIterator[Listening]:
        """Let an engine listen to a file of 16 kHz mono audio; the segments' times count from its start.

        Leaving the block before the last segment ends the engine's process at once. Raises EngineCrashedError (worth
        a retry) and whatever the engine raises.
        """
        if warming := self._warming.get(spec):
            await asyncio.wait({warming})
        task = {"task": "transcribe", "spec": asdict(spec), "audio": str(audio), "options": asdict(options)}
        async with self._lease(spec) as lease, aclosing(lease.replies(task)) as replies:
            language = (await anext(replies))["language"]
            async with aclosing(_segments(replies)) as segments:
                yield Listening(language, segments)

    def warm(self, spec: EngineSpec) -> None:
        """Begin to load an engine that will be wanted soon, where there is room and none of its kind is loaded."""
        wanted = not (self._closed or self._turns.locked() or spec in self._warming)
        if wanted and all(idle.spec != spec for idle in self._idle):
            self._warming[spec] = asyncio.create_task(self._warm(spec), name="engine-warming")

    async def _warm(self, spec: EngineSpec) -> None:
        try:
            async with (
                self._lease(spec) as lease,
                aclosing(lease.replies({"task": "load", "spec": asdict(spec)})) as told,
            ):
                async for _ in told:
                    pass  # whatever it says, it is loaded in the end
        except VideoChatError as error:  # whoever wants a window from it is told
            log.info("engine.not_warm", engine=spec.engine, code=error.reason)
        finally:
            del self._warming[spec]

    async def close(self) -> None:
        """End every process, also those in use: whoever uses one gets EngineCrashedError."""
        self._closed = True
        for warming in [*self._warming.values()]:
            warming.cancel()
        await asyncio.gather(*self._warming.values(), return_exceptions=True)
        children = self._children()
        for idle in [*self._idle]:
            self._wake(idle)
        await asyncio.gather(*(child.kill() for child in children))

    def _children(self) -> list[Child]:
        return [lease.child for lease in self._leases] + [idle.child for idle in self._idle]

    @asynccontextmanager
    async def _lease(self, spec: EngineSpec) -> AsyncIterator[_Lease]:
        async with self._turns:
            self._busy += 1
            try:
                lease = _Lease(await self._take(spec), partial(self._loaded, spec))
                self._leases.add(lease)
                try:
                    yield lease
                finally:
                    self._leases.discard(lease)
                    await self._give_back(spec, lease)
            finally:
                self._busy -= 1

    def _loaded(self, spec: EngineSpec, seconds: float) -> None:
        log.info("engine.loaded", engine=spec.engine, model=spec.model, seconds=round(seconds, 2))
        self._on_load(spec, seconds)

    async def _take(self, spec: EngineSpec) -> Child:
        """Return an idle process with this engine, or start one; idle ones of other engines make room."""
        if self._closed:
            raise EngineUnavailableError("The service is shutting down.")
        for idle in self._idle:
            if idle.spec == spec and idle.child.alive:
                self._wake(idle)
                return idle.child
        while len(self._idle) > self.limit - self._busy:
            oldest = self._wake(self._idle[0])
            await oldest.child.kill()
        return await _start({**(self._environment or {}), **_threads(spec)})

    async def _give_back(self, spec: EngineSpec, lease: _Lease) -> None:
        if lease.finished and not self._closed:
            idle = _Idle(spec, lease.child, asyncio.create_task(self._expire(lease.child)))
            self._idle.append(idle)
        else:
            await lease.child.kill()

    def _wake(self, idle: _Idle) -> _Idle:
        idle.expiry.cancel()
        self._idle.remove(idle)
        return idle

    async def _expire(self, child: Child) -> None:
        await asyncio.sleep(self._idle_seconds)
        self._idle = [idle for idle in self._idle if idle.child is not child]
        await child.kill()
        log.info("engine.unloaded", pid=child.pid, idle_seconds=self._idle_seconds)


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    """A loaded engine that waits for work, and the task that will end it."""

    spec: EngineSpec
    child: Child
    expiry: asyncio.Task[None]


@dataclass(slots=True, eq=False)
class _Lease:
    """A process in use; `finished` says that it answered to the end and so can be used again."""

    child: Child
    loaded: Callable[[float], None] = lambda _: None
    finished: bool = False

    async def replies(self, task: Message) -> AsyncGenerator[Message]:
        """Yield what the process answers to the task. Raises EngineCrashedError and the errors that it reports."""
        try:
            await self.child.send({**task, "request_id": request_id()})
            async for reply in self.child.replies():
                raise_error(reply)
                if "done" in reply:
                    self.finished = True
                elif "loaded" in reply:
                    self.loaded(float(reply["seconds"]))
                else:
                    yield reply
        except ChildEndedError as error:
            log.warning("engine.died", status=error.returncode)
            raise _crash(error) from error


async def _segments(replies: AsyncGenerator[Message]) -> AsyncGenerator[Segment]:
    async for reply in replies:
        segment = read_segment(reply)
        if segment is not None:
            yield segment


def _threads(spec: EngineSpec) -> dict[str, str]:
    """Keep what the engine computes beside its model to the same threads: others would only take turns with them."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if spec.threads else ()
    return dict.fromkeys(names, str(spec.threads))


async def _start(environment: Mapping[str, str] | None) -> Child:
    try:
        return await Child.start(CHILD, environment=environment, trusted=True)  # a remote engine needs its key
    except OSError as error:
        raise EngineCrashedError(f"The speech engine's process cannot be started: {error.strerror}.") from error


def _crash(error: ChildEndedError) -> EngineCrashedError:
    if error.returncode == -signal.SIGKILL:
        return EngineCrashedError(
            "The speech engine's process was ended from outside; if memory is short, set STT__MODEL to a smaller model."
        )
    return EngineCrashedError("The speech engine's process ended unexpectedly; the log of the service says more.")


async def fetch_in_child(
    engine: str, model: str, seconds: float, environment: Mapping[str, str] | None = None
) -> None:  # fmt: skip
    """Let a process of its own fetch the model, for at most so many seconds. Raises EngineUnavailableError."""
    lease = _Lease(await _start(environment))
    try:
        async with asyncio.timeout(seconds):
            async for _ in lease.replies({"task": "fetch", "engine": engine, "model": model}):
                log.info("engine.fetched", engine=engine, model=model)
    except EngineCrashedError as error:
        raise EngineUnavailableError(f"The model {model} could not be fetched: {error.message}") from error
    except TimeoutError:
        raise EngineUnavailableError(
            f"The model {model} could not be fetched within {seconds:g} s (STT__FETCH_SECONDS)."
        ) from None
    finally:
        await lease.child.kill()

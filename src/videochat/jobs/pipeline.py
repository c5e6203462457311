"""The way of a recording, in order, free of any engine: which task does what, and which tasks it brings about.

    (fetch ──▸) decode ──▸ window 0, window 1, … ──▸ finish

Windows are offered as they are cut and transcribed by all workers that have room, in any order. Whoever has transcribed one
publishes all that can be read now without a gap, so people read, search and ask before the job has ended; whoever publishes
the last one offers the finish. The engine need not wait for the publishing: its next window may come meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Protocol

from videochat.jobs.job import Run
from videochat.jobs.task import Kind, Task

Leave = Callable[[], None]  # says that the task now only writes down what it found


class Steps(Protocol):
    """What the pipeline needs done. Any call may be repeated after a crash and must then change nothing.

    Errors: SupersededError when the run is no longer wanted, NotYetError when it must wait, and what the stages raise.
    """

    async def fetch(self, run: Run) -> None:
        """Bring the content from where its link leads, and offer the decoding."""
        ...

    async def begin(self, run: Run) -> None:
        """Choose the engine and open the transcript."""
        ...

    def cut(self, run: Run) -> AsyncGenerator[int, None]:
        """Decode the audio once and yield the number of each window as soon as it is there."""
        ...

    async def offer(self, run: Run, n: int) -> None:
        """Let workers have window n."""
        ...

    async def all_cut(self, run: Run, count: int) -> None:
        """Note that there are no more windows than these; offer the finish if all are published."""
        ...

    async def transcribe(self, run: Run, n: int) -> None:
        """Recognise the words of window n."""
        ...

    async def publish(self, run: Run) -> None:
        """Make what is transcribed without a gap readable, searchable and askable; offer the finish after the last window."""
        ...

    async def examine(self, run: Run) -> None:
        """Look for what is doubtful in the whole transcript. Raises CutOffError when the recording goes on and the file does not."""
        ...

    async def complete(self, run: Run) -> None:
        """Close the transcript and the job."""
        ...


async def fetch(steps: Steps, task: Task, _leave: Leave) -> None:
    await steps.fetch(task.run)


async def decode(steps: Steps, task: Task, _leave: Leave) -> None:
    await steps.begin(task.run)
    count = 0
    async with aclosing(steps.cut(task.run)) as windows:
        async for n in windows:
            await steps.offer(task.run, n)
            count += 1
    await steps.all_cut(task.run, count)


async def window(steps: Steps, task: Task, leave: Leave) -> None:
    await steps.transcribe(task.run, task.n)
    leave()
    await steps.publish(task.run)


async def finish(steps: Steps, task: Task, _leave: Leave) -> None:
    await steps.examine(task.run)
    await steps.complete(task.run)


PIPELINE: Mapping[Kind, Callable[[Steps, Task, Leave], Awaitable[None]]] = {
    "fetch": fetch,
    "decode": decode,
    "window": window,
    "finish": finish,
}

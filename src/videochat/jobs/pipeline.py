"""The way of a recording, in order, free of any job engine.

Decoding runs beside transcription: the first window is read while the rest of a long recording is still being cut.
A window is published as soon as it is transcribed, so people read, search and ask before the job has ended.
"""

from __future__ import annotations

from itertools import count
from typing import Protocol

from videochat.jobs.job import Run


class Steps(Protocol):
    """What the pipeline needs done. Any call may be repeated after a crash and must then change nothing."""

    async def begin(self, run: Run) -> None:
        """Choose the engine and open the transcript."""
        ...

    async def cut(self, run: Run) -> None:
        """Decode the audio once, into windows that become known as they are cut."""
        ...

    async def window_ready(self, run: Run, n: int) -> bool:
        """Wait until window n is cut; False when the recording ends before it."""
        ...

    async def transcribe(self, run: Run, n: int) -> None:
        """Recognise the words of window n."""
        ...

    async def publish(self, run: Run, n: int) -> None:
        """Make window n readable, searchable and askable."""
        ...

    async def finish(self, run: Run) -> None:
        """Close the transcript and the job."""
        ...

    async def fail(self, run: Run, code: str, message: str) -> None:
        """End the job with its reason; what was published stays."""
        ...


async def process(run: Run, steps: Steps) -> None:
    await steps.begin(run)
    await steps.cut(run)  # only starts it: the engine runs it as a job of its own
    for n in count():
        if not await steps.window_ready(run, n):
            break
        await steps.transcribe(run, n)
        await steps.publish(run, n)
    await steps.finish(run)

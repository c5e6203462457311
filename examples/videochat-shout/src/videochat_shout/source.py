"""A recording from nowhere: `videochat transcribe https://shout.example/3` hears a tone of three seconds."""

import asyncio
import math
import wave
from array import array
from pathlib import Path
from urllib.parse import urlsplit

from videochat.errors import SourceError
from videochat.media.fetch import Errand, Fetched, OnProgress

RATE = 16_000
LONGEST = 60


class Megaphone:
    """Takes the links of one host and leaves all others to the sources after it."""

    def takes(self, url: str) -> bool:
        return urlsplit(url).hostname == "shout.example"

    async def fetch(self, errand: Errand, on_progress: OnProgress) -> Fetched:
        wanted = urlsplit(errand.url).path.strip("/")
        if not wanted.isdecimal() or not 0 < int(wanted) <= LONGEST:
            raise SourceError(f"A tone has 1 to {LONGEST} seconds.")  # people read this
        file = errand.folder / "tone.wav"  # whatever lies in the folder is removed afterwards
        # One that goes to the network goes through errand.proxy, and no other way.
        await asyncio.to_thread(_write, file, int(wanted))
        on_progress(1, 1)
        return Fetched(file, f"tone of {wanted} seconds.wav")


def _write(file: Path, seconds: int) -> None:
    samples = array("h", (int(9000 * math.sin(n * 440 * math.tau / RATE)) for n in range(seconds * RATE)))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())

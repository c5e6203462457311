"""Fills a library with transcribed recordings, by the services, as uploads and a worker would but without listening.

    python bench/harness/shelf.py COUNT SEGMENTS          (the settings come from the environment)

What is said are words of a made-up language, the frequent ones often.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from videochat.app import App, open_app
from videochat.jobs.parameters import freeze
from videochat.media import repository
from videochat.media.media import AudioReport, Media
from videochat.ops.actor import LOCAL
from videochat.settings import load_settings
from videochat.store import artefacts, events
from videochat.store.fingerprint import new_id
from videochat.transcripts.segment import NumberedSegment, Segment

SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
VOCABULARY = 2000
WORDS, SECONDS = 12, 5.0  # of a segment


def vocabulary() -> list[str]:
    """Return the words, the most frequent first."""
    chance = random.Random(0)
    return ["".join(chance.choices(SYLLABLES, k=3)) + str(n) for n in range(VOCABULARY)]


def main() -> None:
    asyncio.run(fill(int(sys.argv[1]), int(sys.argv[2])))


async def fill(count: int, segments: int) -> None:
    words = vocabulary()
    weights = [1 / n for n in range(1, VOCABULARY + 1)]
    async with open_app(load_settings()) as app:
        for number in range(count):
            chance = random.Random(number)
            texts = [" ".join(chance.choices(words, weights, k=WORDS)) for _ in range(segments)]
            await _keep(app, number, texts)


async def _keep(app: App, number: int, texts: Sequence[str]) -> None:
    length = SECONDS * len(texts)
    media = Media(
        id=new_id("med"), owner=LOCAL.id, name=f"{number}.wav", kind="audio", mime="audio/x-wav", size=1,
        sha256=hashlib.sha256(str(number).encode()).hexdigest(), duration=length, status="ready",
        created_at=datetime.now(UTC),
    )  # fmt: skip
    spoken = [Segment(n * SECONDS, (n + 1) * SECONDS, text) for n, text in enumerate(texts)]
    transcript = new_id("tr")
    async with app.database.write() as session:
        await repository.insert(session, media)
        await app.transcripts.open(
            session, transcript, media_id=media.id, engine="made up", model="made up", language=None, basic=False
        )
        numbers = await app.transcripts.append(session, transcript, 0, spoken, transcribed=length)
        numbered = [NumberedSegment.of(segment, n) for segment, n in zip(spoken, numbers, strict=True)]
        await app.passages.add(
            session, media_id=media.id, transcript_id=transcript, window=0, segments=numbered
        )  # fmt: skip
        await app.transcripts.complete(session, transcript)
        await events.append(
            session, f"media:{media.id}", "media", {"id": media.id, "action": "created"}, owner=LOCAL.id
        )
    await _decoded(app, media)


async def _decoded(app: App, media: Media) -> None:
    """Leave behind what decoding would have, and a job that had asked for it."""
    job = await app.jobs.submit(LOCAL, media, freeze(app.settings))
    jobs = app.settings.jobs
    plan = app.media.plan(media, jobs.first_window_seconds, jobs.window_seconds)
    peaks = tuple(round(0.5 + 0.5 * (n % 7) / 7, 3) for n in range(2000))
    report = AudioReport(media.duration or 0.0, media.duration, 0, 1, peaks)
    async with app.database.write() as session:
        await artefacts.put(session, plan, "audio", asdict(report), subject=media.sha256)
    await app.jobs.cancel(LOCAL, job.id)


if __name__ == "__main__":
    main()

"""Queues the transcription of many small recordings, by the services, as uploads would but without looking into each file.

    python bench/harness/fill.py COUNT          (the settings come from the environment)

Looking into a file takes a process of its own; a thousand of them would take longer than all that is measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness.recordings import second_of_noise
from videochat.app import App, open_app
from videochat.jobs.parameters import freeze
from videochat.media import repository
from videochat.media.media import Media
from videochat.ops.actor import LOCAL
from videochat.settings import load_settings
from videochat.store.fingerprint import new_id


def main() -> None:
    asyncio.run(fill(int(sys.argv[1])))


async def fill(count: int) -> None:
    settings = load_settings()
    async with open_app(settings) as app:
        for number in range(count):
            media = await _keep(app, number)
            await app.jobs.submit(LOCAL, media, freeze(settings))


async def _keep(app: App, number: int) -> Media:
    content = second_of_noise(number)
    media = Media(
        id=new_id("med"), owner=LOCAL.id, name=f"{number}.wav", kind="audio", mime="audio/x-wav", size=len(content),
        sha256=hashlib.sha256(content).hexdigest(), duration=1.0, status="stored", created_at=datetime.now(UTC),
    )  # fmt: skip
    file = Path(media.name)
    await asyncio.to_thread(file.write_bytes, content)
    await app.blobs.put(app.media.content(media), file)
    async with app.database.write() as session:
        await repository.insert(session, media)
    return media


if __name__ == "__main__":
    main()

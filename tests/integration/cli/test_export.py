"""What can be exported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from library import add_media, add_recording
from videochat.app import open_app
from videochat.cli.library import exportable
from videochat.errors import NotFoundError
from videochat.jobs.parameters import freeze
from videochat.ops.actor import LOCAL
from videochat.settings import load_settings


async def test_without_a_finished_window_there_is_nothing_to_export(database_url: str, tmp_path: Path) -> None:
    """An empty file would look like a silent recording: the error says how far it is instead."""
    async with open_app(load_settings(data_dir=tmp_path / "data", database={"url": database_url})) as app:
        await add_media(app.database, "med_1")
        with pytest.raises(NotFoundError, match="nobody has asked"):
            await exportable(app, "med_1")
        job = await app.jobs.submit(LOCAL, await app.media.get(LOCAL, "med_1"), freeze(app.settings))
        async with app.database.write() as session:
            await app.transcripts.open(
                session, job.id, media_id="med_1", engine="test", model="test", language=None, basic=False
            )
        said = re.escape("med_1.mp4 (med_1) has no transcript yet; its transcription is queued (0%).")
        with pytest.raises(NotFoundError, match=said):
            await exportable(app, "med_1")
        await add_recording(app.database, "med_2", "said")
        assert (await exportable(app, "med_2"))[1].segments == 1

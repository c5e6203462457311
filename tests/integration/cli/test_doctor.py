"""`videochat doctor` as a process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from videochat.app import open_store
from videochat.settings import Settings
from videochat.store import reports


async def test_several_machines_on_sqlite_get_a_hint(tmp_path: Path) -> None:
    """Both are named, with the setting to change; the exit status stays 0, as containers of one machine look the same."""
    async with open_store(Settings(data_dir=tmp_path)) as store, store.database.write() as session:
        now = datetime.now(UTC)
        for name in ("web@one:1", "worker@two:1"):
            await reports.begin(session, name, now, {})
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "STT__ENGINE": "pocketsphinx"}
    doctor = partial(subprocess.run, [sys.executable, "-m", "videochat", "doctor"], env=environment, cwd=tmp_path)
    told = await asyncio.to_thread(doctor, capture_output=True, text=True, check=False)
    (line,) = (line for line in told.stdout.splitlines() if "used by" in line)
    assert line.startswith("hint")
    assert "one, two" in line
    assert "DATABASE__URL=postgresql" in line
    assert told.returncode == 0

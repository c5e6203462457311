"""Work folders, with real processes that die."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from videochat.store.work import sweep, work_folder

WORKING = """
import asyncio, sys
from pathlib import Path
from videochat.store.work import work_folder

async def work():
    async with work_folder(Path(sys.argv[1]), "working") as folder:
        (folder / "half.part").write_bytes(b"x" * 1000)
        print(folder.name, flush=True)
        await asyncio.Event().wait()

asyncio.run(work())
"""
TWO_MINUTES, A_DAY = 120, 24 * 3600


async def test_what_a_killed_process_worked_in_is_gone_soon(tmp_path: Path) -> None:
    """As long as the process lives its folder stays, however old; a minute after its death it is swept up."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKING, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    folder = tmp_path / (await process.stdout.readline()).decode().strip()
    now = time.time()
    os.utime(folder, (now - TWO_MINUTES, now - TWO_MINUTES))
    assert await sweep(tmp_path, now - A_DAY) == 0
    process.kill()
    await process.wait()
    assert (await sweep(tmp_path, now - A_DAY), folder.exists()) == (1, False)


async def test_what_this_process_works_in_stays(tmp_path: Path) -> None:
    """A sweep in the same process leaves it alone, and so it does what was made a moment ago."""
    async with work_folder(tmp_path, "working") as folder:
        assert await sweep(tmp_path, 0) == 0
        os.utime(folder, (0, 0))
        assert await sweep(tmp_path, -1) == 0
    assert not folder.exists()

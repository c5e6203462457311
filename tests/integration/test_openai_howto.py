"""The guide for OpenAI's clients, tried as it is written."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path

from conftest import skip_unless_ci
from loopback import serving
from recordings import lecture_wav
from videochat.app import open_app
from videochat.settings import Settings
from videochat.web.server import create_api

GUIDE = (Path(__file__).parents[2] / "docs" / "howto" / "openai.md").read_text(encoding="utf-8")
ADDRESS = "http://localhost:8000"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ (curl .*)$", GUIDE, re.MULTILINE)
WORDS = "colors of the leaves"


async def run(folder: Path, *command: str) -> str:
    """Return what the command prints. It must end well."""
    running = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(running.communicate(), 120)
    assert running.returncode == 0, err.decode()
    return out.decode()


async def test_the_guide_works(tmp_path: Path) -> None:
    """Every program and every command gives what its section promises."""
    if shutil.which("curl") is None:
        skip_unless_ci("no curl on the PATH")
    lecture_wav(tmp_path / "talk.wav")
    settings = Settings(data_dir=tmp_path / "data", stt={"engine": "pocketsphinx"})
    async with open_app(settings) as app, serving(create_api(app)) as address:
        worker = app.worker()
        await worker.start()
        try:
            transcribe, ask = [
                await run(tmp_path, sys.executable, "-c", program.replace(ADDRESS, address)) for program in PROGRAMS
            ]
            whole, srt, stream, models, answer = [
                await run(tmp_path, "sh", "-c", command.replace(ADDRESS, address)) for command in COMMANDS
            ]
        finally:
            await worker.stop()
    assert transcribe.count(WORDS) == 2
    assert WORDS in whole
    assert "00:00:0" in srt
    assert stream.endswith("data: [DONE]\n\n")
    assert '"id":"whisper-1"' in models
    for told in (ask, answer):
        assert "Sources:" in told
        assert "leaves" in told
    assert re.search(r"^1 med_\w+ \d", ask, re.MULTILINE)


def test_nothing_in_the_guide_is_left_out() -> None:
    """There are as many programs and commands as the test before this one runs."""
    assert (len(PROGRAMS), len(COMMANDS)) == (2, 5)

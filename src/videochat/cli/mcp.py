"""`videochat mcp`: the library for an assistant on this machine, over a pipe."""

from __future__ import annotations

from videochat.app import open_app
from videochat.cli.terminal import quiet_settings, run
from videochat.settings import Settings
from videochat.web.mcp.door import adapter


def mcp() -> None:
    """Serve the Model Context Protocol over stdin and stdout, as the local user; assistants start this."""
    run(_speak(quiet_settings()))


async def _speak(settings: Settings) -> None:
    speak_over_pipe = adapter().speak_over_pipe  # before anything is opened: it may not be installed
    async with open_app(settings) as app:
        await speak_over_pipe(app)

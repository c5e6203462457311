"""`videochat demo`: a real recording becomes a transcript and a question becomes an answer, in half a minute."""

from __future__ import annotations

import json
from importlib import resources

import typer

from videochat.app import App
from videochat.cli.ask import answered, print_answer
from videochat.cli.library import note_engine, transcribed
from videochat.cli.outputs import Output, write_transcript
from videochat.cli.terminal import quiet_settings, run, working_app
from videochat.settings import Settings

SAMPLE = resources.files("videochat.sample")


def demo() -> None:
    """Transcribe the bundled lecture and ask it a question; no key, no model download, no server."""
    run(_demo(quiet_settings()))


async def _demo(settings: Settings) -> None:
    about = json.loads((SAMPLE / "lecture.json").read_text(encoding="utf-8"))
    async with working_app(settings) as app:
        await _show(app, about["title"], about["question"])


async def _show(app: App, title: str, question: str) -> None:
    with resources.as_file(SAMPLE / "lecture.mp4") as recording:
        # A first look must not wait for a model from the network: what is on this machine will do.
        result = await transcribed(app, str(recording), {}, fetch=False)
    note_engine(result.transcript, app)
    typer.echo(f"\n{title}\n{'=' * len(title)}\n")
    await write_transcript(app, result.media, result.transcript, "md", Output())
    typer.echo(f"\n{question}\n{'-' * len(question)}\n")
    print_answer(await answered(app, [result.media.id], question))
    typer.echo("\nNext: `make serve` opens the page on http://127.0.0.1:8000 – drop a recording of yours into it.")

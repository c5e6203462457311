"""`videochat ask`: a question about one recording or all of them."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console

from videochat.answers.answer import Answer
from videochat.answers.citations import Citation
from videochat.answers.service import checked_question
from videochat.app import App
from videochat.cli.library import note_engine, transcribed
from videochat.cli.targets import is_file, recording
from videochat.cli.terminal import quiet_settings, run, working_app
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.transcripts.formats import timestamp

LIBRARY = "library"
MARK = re.compile(r"\[(\d{1,4})\]")
WIDTH = 100
HARD_SPACE = "\0"  # a place stays in one line; no text of ours holds this character


def ask(
    target: Annotated[str, typer.Argument(help='A file, the id or name of a recording, or "library" for all of them.')],
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Ask about recordings; every citation is the time at which it was said."""
    settings = quiet_settings()
    run(_ask(settings, target, checked_question(question), as_json=as_json))


async def _ask(settings: Settings, target: str, question: str, *, as_json: bool) -> None:
    async with working_app(settings) as app:
        answer = await answered(app, await _media(app, target), question)
        if as_json:
            typer.echo(json.dumps(answer.as_json(), ensure_ascii=False))
        else:
            print_answer(answer)
        await _note_ears(app, answer)


async def _media(app: App, target: str) -> list[str] | None:
    if target == LIBRARY:
        return None
    if is_file(target) or "://" in target:
        result = await transcribed(app, target, {})
        if result.error is not None:  # there is an answer nevertheless, to be read with care
            typer.echo(f"videochat: {result.error.message} [{result.error.reason}]", err=True)
        return [result.media.id]
    return [(await recording(app, target)).id]


async def _note_ears(app: App, answer: Answer) -> None:
    """Say once when words that were asked for, or quoted, come from the basic recogniser."""
    for media_id in answer.media or dict.fromkeys(citation.media_id for citation in answer.citations):
        transcript = await app.transcripts.newest(LOCAL, media_id)
        if transcript is not None and transcript.basic:
            note_engine(transcript, app)
            return


async def answered(app: App, media: list[str] | None, question: str) -> Answer:
    """Return the whole answer. Raises ProviderError with the reason when there is none."""
    with Console(stderr=True).status("looking for the answer"):
        answer = await app.answers.ask(LOCAL, question, media)
        await app.answers.run(answer.id)
        return (await app.answers.get(LOCAL, answer.id)).whole()


def print_answer(answer: Answer) -> None:
    """Print the text with places in place of citation numbers: the time, and the recording where there are several."""
    places = _places(answer)
    text = MARK.sub(lambda match: f"[{places.get(match[1], match[1])}]".replace(" ", HARD_SPACE), answer.text)
    for line in text.splitlines():
        typer.echo(_wrapped(line).replace(HARD_SPACE, " "))
    if not answer.coverage.get("complete", True):
        typer.echo("(Part of the recordings is not transcribed; this answer knows only what is.)", err=True)


def _places(answer: Answer) -> dict[str, str]:
    """Return for each citation's number where it was said; recordings of the same name are told apart by their ids."""
    named = {(citation.name, citation.media_id) for citation in answer.citations}
    namesakes = Counter(name for name, _ in named)

    def recording(citation: Citation) -> str:
        if answer.coverage.get("media", 1) == 1:
            return ""
        return f"{citation.name} ({citation.media_id}) " if namesakes[citation.name] > 1 else f"{citation.name} "

    return {str(one.n): f"{recording(one)}{timestamp(one.start)}" for one in answer.citations}


def _wrapped(line: str) -> str:
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

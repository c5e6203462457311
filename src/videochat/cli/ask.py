"""`videochat ask`: a question about one recording or all of them."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from videochat.answers.answer import Answer
from videochat.app import App
from videochat.cli.library import transcribed
from videochat.cli.terminal import quiet_settings, run, working_app
from videochat.errors import ProviderError
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.transcripts.formats import timestamp

LIBRARY = "library"
MARK = re.compile(r"\[(\d{1,4})\]")
WIDTH = 100


def ask(
    target: Annotated[str, typer.Argument(help='A file, the id of a medium, or "library" for all recordings.')],
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Ask about recordings; every citation is the time at which it was said."""
    answer = run(_ask(quiet_settings(), target, question))
    if as_json:
        typer.echo(json.dumps(answer.as_json(), ensure_ascii=False))
    else:
        print_answer(answer)


async def _ask(settings: Settings, target: str, question: str) -> Answer:
    async with working_app(settings) as app:
        return await answered(app, await _media(app, target), question)


async def _media(app: App, target: str) -> list[str] | None:
    if target == LIBRARY:
        return None
    if Path(target).is_file() or "/" in target:
        media, _ = await transcribed(app, target, {})
        return [media.id]
    return [(await app.media.get(LOCAL, target)).id]


async def answered(app: App, media: list[str] | None, question: str) -> Answer:
    """Return the whole answer. Raises ProviderError with the reason when there is none."""
    with Console(stderr=True).status("looking for the answer"):
        answer = await app.answers.ask(LOCAL, question, media)
        await app.answers.run(answer.id)
        answer = await app.answers.get(LOCAL, answer.id)
    if answer.status != "completed":
        error = answer.error or {"message": "The answer was cancelled.", "code": "cancelled"}
        raise ProviderError(error["message"], code=error["code"])
    return answer


def print_answer(answer: Answer) -> None:
    """Print the text with times in place of citation numbers, and what was said at each."""
    times = {str(citation.n): timestamp(citation.start) for citation in answer.citations}
    text = MARK.sub(lambda match: f"[{times.get(match[1], match[1])}]", answer.text)
    for line in text.splitlines():
        typer.echo(textwrap.fill(line, WIDTH, subsequent_indent="  " if line.startswith("- ") else "") if line else "")
    coverage = answer.coverage
    if not coverage.get("complete", True):
        typer.echo("(Part of the recordings is not transcribed yet; this answer knows only what is.)", err=True)

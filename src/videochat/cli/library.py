"""`videochat transcribe` and `videochat export`: recordings in, transcripts out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from videochat.app import App, open_app
from videochat.cli.terminal import follow_job, progress_bars, quiet_settings, run, working_app
from videochat.errors import NotFoundError, UnsupportedError, VideoChatError, from_os_error
from videochat.jobs.parameters import freeze
from videochat.media.media import Media
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.transcripts.choose import BASIC_LABEL
from videochat.transcripts.formats import FORMATS, Header, render_stream
from videochat.transcripts.segment import Transcript

Format = Annotated[str, typer.Option("-f", "--format", help=f"One of {', '.join(FORMATS)}.")]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="File to write; a folder when there are several. Default: the terminal."),
]


def transcribe(
    files: Annotated[list[str], typer.Argument(help="Recordings: audio or video files.")],
    engine: Annotated[str | None, typer.Option(help="Speech engine: auto, faster-whisper, pocketsphinx, …")] = None,
    model: Annotated[str | None, typer.Option(help="Model name or folder.")] = None,
    language: Annotated[str | None, typer.Option(help="Language code such as en; unset: recognised.")] = None,
    form: Format = "txt",
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a recording.")] = False,
) -> None:
    """Transcribe recordings and print or write their transcripts."""
    check_format(form)
    settings = quiet_settings()
    choices = {"engine": engine, "model": model, "language": language}
    run(_transcribe_all(settings, files, choices, "json" if as_json else form, out))


def export(
    media: Annotated[str, typer.Argument(help="Id of a medium.")],
    form: Format = "txt",
    out: Out = None,
) -> None:
    """Print or write the transcript of a recording in the library."""
    check_format(form)
    run(_export(quiet_settings(), media, form, out))


async def _transcribe_all(
    settings: Settings, files: list[str], choices: dict[str, Any], form: str, out: Path | None
) -> None:
    failed: list[VideoChatError] = []
    async with working_app(settings) as app:
        for name in files:
            try:
                media, transcript = await transcribed(app, name, choices)
            except VideoChatError as error:
                if len(files) == 1:
                    raise
                typer.echo(f"videochat: {name}: {error.message} [{error.reason}]", err=True)
                failed.append(error)
                continue
            target = out / f"{Path(media.name).stem}.{form}" if out is not None and len(files) > 1 else out
            await write_transcript(app, media, transcript, form, target)
    if failed:
        raise VideoChatError(f"{len(failed)} of {len(files)} recordings failed.", code=failed[0].reason)


async def transcribed(app: App, name: str, choices: dict[str, Any], *, fetch: bool = True) -> tuple[Media, Transcript]:
    """Return a file's medium and its complete transcript, made now if need be, with progress bars."""
    with progress_bars() as bars:
        media = await stored(app, name, bars)
        job = await app.jobs.submit(LOCAL, media.id, freeze(app.settings, fetch=fetch, **choices))
        bar = bars.add_task(media.name, total=1.0)
        job = await follow_job(app, job, bars, bar, media.name)
    transcript = await app.transcripts.get(job.id)
    if transcript is None:
        raise NotFoundError("The transcript was deleted meanwhile.")
    note_engine(transcript, app)
    return media, transcript


async def stored(app: App, name: str, bars: Progress) -> Media:
    """Return the medium of a local file, copied into the library if it is new."""
    if "://" in name:
        raise UnsupportedError("Links cannot be imported yet: download the recording and give its file.")
    path = Path(name)
    if not path.is_file():
        raise NotFoundError(f"There is no file {name}.")
    bar = bars.add_task(f"{path.name}: reading", total=None)
    media, _ = await app.media.add_file(LOCAL, path)
    bars.remove_task(bar)
    return media


def note_engine(transcript: Transcript, app: App) -> None:
    """Say on stderr when the text is not to be trusted blindly, and what to do about it."""
    if transcript.basic:
        hint = app.chooser.describe(app.settings.stt).hint
        advice = hint.split(". ", 1)[-1] if hint else "A better model is on this machine: transcribe again with it."
        typer.echo(f"Transcribed by the {BASIC_LABEL} ({transcript.engine}). {advice}", err=True)


async def _export(settings: Settings, media_id: str, form: str, out: Path | None) -> None:
    async with open_app(settings) as app:
        media = await app.media.get(LOCAL, media_id)
        transcript = await app.transcripts.newest(LOCAL, media_id)
        if transcript is None:
            raise NotFoundError("This recording has no transcript yet.")
        await write_transcript(app, media, transcript, form, out)


async def write_transcript(app: App, media: Media, transcript: Transcript, form: str, out: Path | None) -> None:
    """Write the transcript to the file, or to stdout when there is none."""
    pieces = render_stream(form, Header.of(transcript, media.name), app.transcripts.all_segments(transcript.id))
    if out is None:
        async for piece in pieces:
            typer.echo(piece, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8") as file:
            async for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise from_os_error(error, "writing the transcript") from error


def check_format(form: str) -> None:
    """Refuse an unknown format before any work is done. Raises UnsupportedError."""
    if form not in FORMATS:
        raise UnsupportedError(f"There is no format {form!r}; choose {', '.join(FORMATS)}.")

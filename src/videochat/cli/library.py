"""`videochat transcribe` and `videochat export`: recordings in, transcripts out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from videochat.app import App, open_app
from videochat.cli.outputs import Output, chosen_format, outputs, write_transcript
from videochat.cli.targets import is_file, is_link, recording
from videochat.cli.terminal import JobFailedError, follow_job, progress_bars, quiet_settings, run, working_app
from videochat.errors import MediaError, NotFoundError, UnsupportedError, VideoChatError
from videochat.jobs.job import Job
from videochat.jobs.parameters import freeze
from videochat.media.media import CutOffError, Media, file_name
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.transcripts.choose import BASIC_LABEL
from videochat.transcripts.formats import timestamp
from videochat.transcripts.segment import Transcript

Format = Annotated[
    str | None,
    typer.Option(
        "-f", "--format",
        help="One of srt, vtt, txt, md, json, and what plugins add. Default: what the name after -o ends with, else txt.",
    ),
]  # fmt: skip
Out = Annotated[
    str | None,
    typer.Option(
        "-o", "--out", metavar="PATH",
        help="File to write, or a folder (one that exists, or a name that ends with /); a folder when there are several. "
        "Only transcripts are replaced. Default: the terminal.",
    ),
]  # fmt: skip


def transcribe(
    files: Annotated[list[str], typer.Argument(help="Recordings: audio or video files, or links to some.")],
    engine: Annotated[str | None, typer.Option(help="Speech engine: auto, faster-whisper, pocketsphinx, …")] = None,
    model: Annotated[str | None, typer.Option(help="Model name or folder.")] = None,
    language: Annotated[str | None, typer.Option(help="Language code such as en; unset: recognised.")] = None,
    form: Format = None,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a recording.")] = False,
) -> None:
    """Transcribe recordings and print or write their transcripts."""
    form = chosen_format("json" if as_json else form, out)
    places = outputs(files, form, out, one_line=as_json)
    choices = {"engine": engine, "model": model, "language": language}
    run(_transcribe_all(quiet_settings(), list(zip(files, places, strict=True)), choices, form))


def export(
    media: Annotated[
        str, typer.Argument(help="The id or name of a recording in the library, its file, or the link it came from.")
    ],
    form: Format = None,
    out: Out = None,
) -> None:
    """Print or write the transcript of a recording in the library."""
    run(_export(quiet_settings(), media, chosen_format(form, out), out))


async def _transcribe_all(
    settings: Settings, places: list[tuple[str, Output]], choices: dict[str, Any], form: str
) -> None:
    failed: list[VideoChatError] = []
    basic: Transcript | None = None
    async with working_app(settings) as app:
        for name, output in places:
            try:
                result = await transcribed(app, name, choices)
                await write_transcript(app, result.media, result.transcript, form, output)
                basic = result.transcript if result.transcript.basic else basic
                if result.error is not None:
                    raise result.error
            except VideoChatError as error:
                failed.append(error)
                if len(places) > 1:
                    named = error.message if name in error.message else f"{name}: {error.message}"
                    typer.echo(f"videochat: {named} [{error.reason}]", err=True)
        if basic is not None:
            note_engine(basic, app)
    if failed and len(places) == 1:
        raise failed[0]
    if failed:
        raise VideoChatError(f"{len(failed)} of {len(places)} recordings failed.", code=failed[0].reason)


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What became of a file: `error` says why the transcript ends before the recording does."""

    media: Media
    transcript: Transcript
    error: JobFailedError | None = None


async def transcribed(app: App, name: str, choices: dict[str, Any], *, fetch: bool = True) -> Transcribed:
    """Return a file's medium and its transcript, made now if need be, with progress bars.

    Raises JobFailedError, unless the file is cut off and has words up to there.
    """
    failure: JobFailedError | None = None
    with progress_bars() as bars:
        job = await _asked(app, name, freeze(app.settings, fetch=fetch, **choices), bars)
        called = (await app.media.get(LOCAL, job.media_id)).name
        bar = bars.add_task(called, total=1.0)
        try:
            job = await follow_job(app, job, bars, bar, called)
        except JobFailedError as error:
            failure = error
    media = await app.media.get(LOCAL, (await app.jobs.get(LOCAL, job.id)).media_id)
    transcript = await app.transcripts.get(job.id)
    has_words = transcript is not None and transcript.segments > 0
    if failure is not None and not (has_words and failure.reason == CutOffError.code):
        rest = f" Read what is there with: videochat export {media.id}" if has_words else ""
        raise JobFailedError(f"{failure.message}{rest}", code=failure.reason)
    if transcript is None:
        raise NotFoundError("The transcript was deleted meanwhile.")
    return Transcribed(media, transcript, failure)


async def _asked(app: App, name: str, parameters: dict[str, Any], bars: Progress) -> Job:
    """Ask for the transcription of a local file, or of what a link leads to."""
    if is_link(name):
        return await app.jobs.submit_link(LOCAL, name, parameters)
    return await app.jobs.submit(LOCAL, await stored(app, name, bars), parameters)


async def stored(app: App, name: str, bars: Progress) -> Media:
    """Return the medium of a local file, copied into the library if it is new."""
    path = Path(name)
    if path.is_dir():
        raise UnsupportedError(f"{name} is a folder: give the recordings in it.")
    if not path.is_file():
        raise NotFoundError(f"There is no file {name}.")
    bar = bars.add_task(f"{path.name}: reading", total=None)
    try:
        media, _ = await app.media.add_file(LOCAL, path)
    except MediaError as error:
        raise MediaError(f"{name}: {error.message}", code=error.reason) from error
    bars.remove_task(bar)
    return media


def note_engine(transcript: Transcript, app: App) -> None:
    """Say on stderr when the text is not to be trusted blindly, and what to do about it."""
    if transcript.basic:
        hint = app.chooser.describe(app.settings.stt).hint
        advice = hint.split(". ", 1)[-1] if hint else "A better model is on this machine: transcribe again with it."
        typer.echo(f"Transcribed by the {BASIC_LABEL} ({transcript.engine}). {advice}", err=True)


async def _export(settings: Settings, target: str, form: str, out: str | None) -> None:
    async with open_app(settings) as app:
        media, transcript = await exportable(app, target)
        await write_transcript(app, media, transcript, form, outputs([_file_of(target, media)], form, out)[0])
        note_engine(transcript, app)
        if transcript.status != "complete":
            ends = timestamp(transcript.transcribed)
            typer.echo(f"Incomplete: it ends at {ends}; {await _state(app, media)}", err=True)


async def exportable(app: App, target: str) -> tuple[Media, Transcript]:
    """Return the recording that is meant with its transcript. Raises NotFoundError while there is nothing to read."""
    media = await recording(app, target)
    transcript = await app.transcripts.newest(LOCAL, media.id)
    if transcript is None or (transcript.windows == 0 and transcript.status != "complete"):
        raise NotFoundError(f"{media.name} ({media.id}) has no transcript yet; {await _state(app, media)}")
    return media, transcript


async def _state(app: App, media: Media) -> str:
    """Say how far the transcription of a recording is, as the second half of a sentence."""
    job = (await app.jobs.newest([media.id])).get(media.id)
    if job is None:
        return "nobody has asked for its transcription."
    if job.error is not None:
        return f"its transcription has {job.status}: {job.error['message']}"
    return f"its transcription is {job.status} ({job.progress:.0%})."


def _file_of(target: str, media: Media) -> str:
    """Return the file that was named, which is not to be overwritten, else a name for one."""
    return target if is_file(target) else file_name(media.name)

"""Where transcripts go: to the terminal, into a file, or into a folder with a file for each."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from videochat.app import App
from videochat.errors import InvalidError, StorageError, UnsupportedError
from videochat.media.media import Media
from videochat.transcripts.exporters import load_exporters
from videochat.transcripts.formats import Header, render_stream
from videochat.transcripts.segment import Transcript

SUBTITLES = ("srt", "vtt")  # a player would not find the second recording


@dataclass(frozen=True, slots=True)
class Output:
    """What one transcript is written to: a file, or stdout with a heading and perhaps without line breaks inside."""

    file: Path | None = None
    heading: str | None = None
    one_line: bool = False


def chosen_format(form: str | None, out: str | None) -> str:
    """Return the format to write: the one asked for, else the one that the file's name says, else text.

    Raises UnsupportedError for one that cannot be written, and InvalidError where the two contradict each other.
    """
    exporters = load_exporters()
    if form is not None:
        exporters.named(form)
    named = None if out is None or _is_folder(out) else Path(out).suffix[1:].lower()
    if named not in exporters.names:
        return form or "txt"
    exporters.named(named)
    if form not in {None, named}:
        raise InvalidError(f"-o {out} names a {named} file, and {form} was asked for: leave out one of them.")
    return named


def outputs(names: Sequence[str], form: str, out: str | None, *, one_line: bool = False) -> list[Output]:
    """Return where the transcript of each of these recordings goes.

    Raises InvalidError, UnsupportedError and StorageError for what cannot or must not hold them, before any work is done.
    """
    several = len(names) > 1
    if out is not None:
        known = load_exporters().names
        return [Output(_checked(file, names, known)) for file in _files(names, form, out, known)]
    if several and form in SUBTITLES:
        raise UnsupportedError(f"Several recordings do not fit into one {form} file: give a folder with -o FOLDER.")
    one_line = form == "json" and (one_line or several)
    return [Output(None, name if several and form == "txt" else None, one_line) for name in names]


def _is_folder(out: str) -> bool:
    return out.endswith("/") or Path(out).is_dir()


def _files(names: Sequence[str], form: str, out: str, known: Collection[str]) -> list[Path]:
    place = Path(out)
    if _is_folder(out):
        return [place / name for name in _file_names(names, form)]
    if len(names) == 1:
        return [place]
    if place.exists() or place.suffix[1:].lower() in known:
        raise InvalidError(
            f"-o {out} names a file, and there are {len(names)} recordings: give a folder with -o FOLDER."
        )
    return [place / name for name in _file_names(names, form)]


def _checked(file: Path, recordings: Sequence[str], known: Collection[str]) -> Path:
    """Refuse to replace what is no transcript – a slip of -o must not cost a recording – and what cannot be written."""
    if file.exists():
        if any(_is_same(file, name) for name in recordings):
            raise InvalidError(f"{file} is a recording that is to be read: give another name with -o.")
        # A link is judged by what it leads to; a pipe or a terminal loses nothing.
        if file.is_file() and file.resolve().suffix[1:].lower() not in known:
            raise InvalidError(
                f"{file} exists and is not called like a transcript ({', '.join(known)}): give another name with -o, "
                "or remove it first."
            )
    there = next(place for place in (file, *file.absolute().parents) if place.exists())
    if there.is_dir() and there == file:
        raise InvalidError(f"{file} is a folder: give another name with -o.")
    if there != file and not there.is_dir():
        raise StorageError(f"{file} cannot be written: {there} is not a folder.")
    if not os.access(there, os.W_OK):
        raise StorageError(f"{file} cannot be written: you may not write to {there}.")
    return file


def _is_same(file: Path, name: str) -> bool:
    try:
        return file.samefile(name)
    except OSError:  # it is a name in the library, or no file at all
        return False


def _file_names(names: Sequence[str], form: str) -> list[str]:
    """Return a name for each file; recordings that differ only in folder or extension get numbers."""
    taken: set[str] = set()
    chosen = []
    for name in names:
        stem, n = Path(name).stem, 1
        numbered = stem
        while numbered.casefold() in taken:  # some file systems do not know case
            n += 1
            numbered = f"{stem}-{n}"
        taken.add(numbered.casefold())
        chosen.append(f"{numbered}.{form}")
    return chosen


async def write_transcript(app: App, media: Media, transcript: Transcript, form: str, output: Output) -> None:
    """Write the transcript to where it goes."""
    renderer = app.exporters.named(form).renderer(Header.of(transcript, media.name))
    pieces = render_stream(renderer, app.transcripts.all_segments(transcript.id))
    if output.file is None:
        if output.heading is not None:
            typer.echo(f"==> {output.heading} <==")
        async for piece in pieces:
            # In JSON line breaks stand between the values only, never in them.
            typer.echo(piece.replace("\n", "") if output.one_line else piece, nl=False)
        typer.echo("\n" if output.one_line else "", nl=False)
        return
    try:
        output.file.parent.mkdir(parents=True, exist_ok=True)
        with output.file.open("w", encoding="utf-8") as file:
            async for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise StorageError(f"{output.file} cannot be written: {error.strerror or 'input/output error'}.") from error

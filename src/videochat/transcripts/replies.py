"""What an engine child says, read with distrust: errors become ours, text becomes storable."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from videochat.errors import TranscriptionError, VideoChatError
from videochat.ops.serving import Message
from videochat.transcripts.segment import Segment, Word

# Control characters break terminals and PostgreSQL refuses NUL; lone surrogates are no UTF-8.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def raise_error(reply: Message) -> None:
    """Raise the error that the child met, if this reply tells of one, as the class that it had over there."""
    if "error" not in reply:
        return
    error = reply["error"]
    families = {family.code: family for family in _tree(VideoChatError)}
    raise families.get(error["kind"], TranscriptionError)(error["message"], code=error["code"])


def read_segment(reply: Message) -> Segment | None:
    """Return the reply's segment, clean; None if there is nothing in it that could be shown."""
    if "segment" not in reply:
        return None
    segment = Segment.from_json(reply["segment"])
    text = printable(segment.text)
    if not text or not _finite(segment):
        return None
    words = tuple(replace(word, text=printable(word.text)) for word in segment.words if _finite(word))
    return replace(segment, text=text, words=tuple(word for word in words if word.text))


def printable(text: str) -> str:
    """Return the text on one line, without what cannot be shown or stored."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())


def _finite(piece: Segment | Word) -> bool:
    return math.isfinite(piece.start) and math.isfinite(piece.end)


def _tree(family: type[VideoChatError]) -> Iterator[type[VideoChatError]]:
    yield family
    for child in family.__subclasses__():
        yield from _tree(child)

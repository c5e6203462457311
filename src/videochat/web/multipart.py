"""The first file of a multipart form as a stream: no second copy, no form in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from videochat.errors import InvalidError

MAX_HEADER_BYTES = 8192


@dataclass(slots=True)
class FilePart:
    """What the part says of itself, and its bytes as they come."""

    name: str | None = None
    content: AsyncIterator[bytes] = field(init=False)


async def read_file_part(content_type: str, body: AsyncIterator[bytes]) -> FilePart:
    """Read up to the part named `file` and return it. Raises InvalidError when there is none."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidError("The form's Content-Type names no boundary.")
    reader = _Reader(boundary)
    chunks = reader.file_chunks(body)
    first = await anext(chunks, None)
    if not reader.found:
        raise InvalidError('The form has no part named "file".')
    part = FilePart(reader.filename)
    part.content = _from_first(first, chunks)
    return part


async def _from_first(first: bytes | None, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first is not None:
        yield first
        async for chunk in rest:
            yield chunk


class _Reader:
    """Collects what the parser calls back with."""

    def __init__(self, boundary: bytes) -> None:
        self.found = False
        self.filename: str | None = None
        self._inside = False
        self._header = (bytearray(), bytearray())
        self._chunks: deque[bytes] = deque()
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": lambda data, start, end: self._collect(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._collect(1, data[start:end]),
                "on_header_end": self._header_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
            },
        )

    async def file_chunks(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the file's bytes; an empty first chunk says that the part has begun. Raises InvalidError when cut off."""
        try:
            async for data in body:
                self._parser.write(data)
                while self._chunks:
                    yield self._chunks.popleft()
            self._parser.finalize()
        except MultipartParseError:
            raise InvalidError("The form is not well-formed or ends too early.") from None

    def _collect(self, which: int, data: bytes) -> None:
        self._header[which].extend(data)
        if len(self._header[which]) > MAX_HEADER_BYTES:
            raise InvalidError("A header of the form is too long.")

    def _header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        for part in self._header:
            part.clear()
        if name.lower() != b"content-disposition" or self.found:
            return
        _, options = parse_options_header(value)
        if options.get(b"name") == b"file":
            self.found = self._inside = True
            self.filename = _unescaped(options.get(b"filename", b"").decode("utf-8", "replace")) or None
            self._chunks.append(b"")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._chunks.append(data[start:end])

    def _part_end(self) -> None:
        self._inside = False


def _unescaped(name: str) -> str:
    """Undo what browsers do to the name of a file in a form: these three and no others (HTML, multipart/form-data)."""
    for escaped, plain in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(escaped, plain)
    return name

"""The first file of a multipart form as a stream, and its small fields: no second copy, no form in memory."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from videochat.errors import InvalidError

MAX_HEADER_BYTES = 8192
MAX_FIELD_BYTES = 64 * 1024  # of all fields together, with their names
FIELD_BYTES = 64  # what an empty one costs


@dataclass(slots=True)
class FilePart:
    """What the part says of itself, and its bytes as they come; `fields` are whole once the bytes have been read."""

    name: str | None
    fields: Mapping[str, Sequence[str]]
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
    part = FilePart(reader.filename, reader.fields)
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
        self.fields: defaultdict[str, list[str]] = defaultdict(list)
        self._inside = False
        self._field: tuple[str, bytearray] | None = None
        self._field_bytes = 0
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
        if name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        if options.get(b"name") == b"file" and not self.found:
            self.found = self._inside = True
            self.filename = _unescaped(options.get(b"filename", b"").decode("utf-8", "replace")) or None
            self._chunks.append(b"")
        elif b"filename" not in options:
            field = options.get(b"name", b"")
            self._count_field(FIELD_BYTES + len(field))
            self._field = field.decode("utf-8", "replace"), bytearray()

    def _count_field(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_FIELD_BYTES:
            raise InvalidError("The fields of the form are too long.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._chunks.append(data[start:end])
        elif self._field is not None:
            self._count_field(end - start)
            self._field[1].extend(data[start:end])

    def _part_end(self) -> None:
        self._inside = False
        if self._field is not None:
            name, value = self._field
            self.fields[name].append(value.decode("utf-8", "replace"))
            self._field = None


def _unescaped(name: str) -> str:
    """Undo what browsers do to the name of a file in a form: these three and no others (HTML, multipart/form-data)."""
    for escaped, plain in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(escaped, plain)
    return name

"""Forms: one file as a stream, and small fields around it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from videochat.errors import InvalidError
from videochat.web.multipart import FIELD_BYTES, MAX_FIELD_BYTES, read_file_part

KIND = "multipart/form-data; boundary=x"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_fields_before_and_behind_the_file(size: int) -> None:
    """However the body is cut on its way, each field is whole, also one that comes twice or is a file of another name."""
    body = part("model", b"a") + part("file", b"\r\n--y" * 3, "x.wav") + part("file", b"second", "y.wav")
    body += part("list[]", b"1") + part("list[]", "zwölf".encode()) + part("cover", b"image", "c.png") + b"--x--\r\n"
    found = await read_file_part(KIND, cut(body, size))
    assert found.name == "x.wav"
    assert b"".join([chunk async for chunk in found.content]) == b"\r\n--y" * 3
    assert dict(found.fields) == {"model": ["a"], "list[]": ["1", "zwölf"]}


@pytest.mark.parametrize("fields", [[b"x" * MAX_FIELD_BYTES], [b""] * (MAX_FIELD_BYTES // FIELD_BYTES + 1)])
async def test_fields_have_a_bound(fields: list[bytes]) -> None:
    """Neither one long field nor many small ones fill the memory, before the file or behind it."""
    body = b"".join(part("", field) for field in fields)
    with pytest.raises(InvalidError, match="too long"):
        await read_file_part(KIND, cut(body, 65536))
    found = await read_file_part(KIND, cut(part("file", b"a") + body, 10))
    with pytest.raises(InvalidError, match="too long"):
        _ = [chunk async for chunk in found.content]


async def test_a_form_without_a_file_is_none() -> None:
    """Who forgets the file is told how its part is called."""
    with pytest.raises(InvalidError, match='no part named "file"'):
        await read_file_part(KIND, cut(part("model", b"a") + b"--x--\r\n", 100))

"""The file of a backup: a tar that any tar can list, whose last member seals all that stand before it.

    backup.json                     what this is: format, schema and version
    tables/NAME/0000000.jsonl.gz …  rows, one JSON object a line, in parts that fit into memory
    blobs/KEY …                     what the rows speak of
    seal.json                       the hash of the names, sizes and contents of all members, and of the seal itself

Nothing is written twice and nothing is waited for, so memory stays flat whatever the size. A file without its seal is torn.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from videochat.errors import InvalidError, NotFoundError, StorageError, StorageFullError

Header = TypeVar("Header", "Start", "Seal")

FORMAT = 1
START = "backup.json"
SEAL = "seal.json"
BLOCK_BYTES = 1024 * 1024
PADDED = tarfile.BLOCKSIZE
NO_SPACE = {28, 122}  # ENOSPC, EDQUOT
MOST_BYTES_IN_MEMORY = 64 * 1024**2  # of the members that are read as a whole; ours are far smaller


class DamagedBackupError(InvalidError):
    """The file is no whole backup."""

    code = "backup_damaged"


@dataclass(frozen=True, slots=True)
class Start:
    """What a backup says of itself first: `schema` is the newest migration, `version` the VideoChat that wrote it."""

    format: int
    schema: str
    version: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Seal:
    """What a whole backup holds.

    `left_out` is content (sha256) that was deleted while it was made: its rows are to be forgotten.
    """

    sha256: str
    rows: dict[str, int]
    blobs: int
    blob_bytes: int
    left_out: list[str]


class ArchiveWriter:
    """Writes members to an open, empty file. Raises StorageFullError, StorageError."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._digest = hashlib.sha256()

    async def add(self, name: str, content: bytes) -> None:
        """Add a member that is in memory."""
        await asyncio.to_thread(self._begin, name, len(content))
        await asyncio.to_thread(self._write, content)
        await asyncio.to_thread(self._pad, len(content))

    async def stream(self, name: str, size: int, blocks: AsyncIterator[bytes]) -> None:
        """Add a member of so many bytes; one whose blocks turn out not to be there leaves no trace. Raises NotFoundError."""
        before, digest, written = self._file.tell(), self._digest.copy(), 0
        try:
            await asyncio.to_thread(self._begin, name, size)
            async for block in blocks:
                await asyncio.to_thread(self._write, block)
                written += len(block)
        except NotFoundError:
            self._digest = digest
            await asyncio.to_thread(self._cut, before)
            raise
        if written != size:
            raise StorageError(f"A blob has {written} bytes instead of {size}: {name}.")
        await asyncio.to_thread(self._pad, size)

    async def finish(self, seal: Seal) -> None:
        """Add the seal, whose hash is still empty, and the end."""
        await self.add(SEAL, as_json(replace(seal, sha256=_sealed(self._digest, seal))))
        await asyncio.to_thread(self._write, bytes(2 * PADDED))  # how a tar ends

    def _begin(self, name: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        with _file_errors(self._name):
            self._file.write(info.tobuf(tarfile.PAX_FORMAT))
        self._digest.update(_signed(name, size))

    def _write(self, content: bytes) -> None:
        with _file_errors(self._name):
            self._file.write(content)
        self._digest.update(content)

    def _pad(self, size: int) -> None:
        with _file_errors(self._name):
            self._file.write(bytes(-size % PADDED))

    def _cut(self, position: int) -> None:
        with _file_errors(self._name):
            self._file.seek(position)
            self._file.truncate()


@asynccontextmanager
async def new_file(path: Path) -> AsyncIterator[BinaryIO]:
    """Give a file that gets its name when the block ends well and everything is on the disk, and is gone otherwise."""
    descriptor, temporary = await asyncio.to_thread(_make, path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            await asyncio.to_thread(_sync, file, path)
        await asyncio.to_thread(_name, temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # whoever was cancelled waits for nothing any more


@dataclass(frozen=True, slots=True)
class Member:
    """A member while it is its turn."""

    name: str
    size: int
    source: BinaryIO

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the content. Raises DamagedBackupError when it ends too early."""
        left = self.size
        while left:
            block = await asyncio.to_thread(self._read, min(left, BLOCK_BYTES))
            if not block:
                raise DamagedBackupError("The backup is torn: it ends too early.")
            left -= len(block)
            yield block

    async def content(self) -> bytes:
        if self.size > MOST_BYTES_IN_MEMORY:
            raise DamagedBackupError(f"The backup is damaged: {self.name} is too large.")
        return b"".join([block async for block in self.blocks()])

    def _read(self, size: int) -> bytes:
        with _reading():
            return self.source.read(size)


async def members(path: Path) -> AsyncGenerator[Member]:
    """Yield the members in their order. Raises DamagedBackupError, NotFoundError."""
    with await asyncio.to_thread(_open, path) as tar:
        while (info := await asyncio.to_thread(_next, tar)) is not None:
            source = tar.extractfile(info) if info.type == tarfile.REGTYPE and info.sparse is None else None
            if source is None:
                raise DamagedBackupError(f"The backup holds what no backup of VideoChat holds: {info.name!r}.")
            yield Member(info.name, info.size, source)  # type: ignore[arg-type]  # reads like a file


def _open(path: Path) -> tarfile.TarFile:
    with _reading():
        if not path.is_file():
            raise NotFoundError(f"There is no file {path}.")
        return tarfile.open(path, "r:")


def _next(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _reading():
        info = tar.next()
    tar.members.clear()  # type: ignore[attr-defined]  # it would remember all of them
    return info


async def start_of(path: Path) -> Start:
    """Return what the file says of itself. Raises DamagedBackupError for one that is no backup."""
    foreign = DamagedBackupError(f"{path} is no backup of VideoChat.")
    try:
        async with aclosing(members(path)) as found:
            first = await anext(found, None)
            if first is None or first.name != START:
                raise foreign
            return _read(Start, await first.content())
    except DamagedBackupError:
        raise foreign from None


def seal_of(content: bytes) -> Seal:
    """Return the seal that a member holds. Raises DamagedBackupError."""
    return _read(Seal, content)


class Checker:
    """Follows the members and says at the end whether they are those that were sealed."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def begin(self, member: Member) -> None:
        self._digest.update(_signed(member.name, member.size))

    def update(self, block: bytes) -> None:
        self._digest.update(block)

    def matches(self, seal: Seal) -> bool:
        return _sealed(self._digest, seal) == seal.sha256


def as_json(value: Start | Seal) -> bytes:
    return json.dumps(asdict(value), indent=1).encode()


def _read(kind: type[Header], content: bytes) -> Header:
    """Return what the JSON holds; a later version may have written more."""
    try:
        found = json.loads(content)
        values = {field.name: found[field.name] for field in fields(kind)}
    except (ValueError, TypeError, KeyError):
        raise DamagedBackupError("The backup is damaged: what it says of itself cannot be read.") from None
    return kind(**values)


def _sealed(members: hashlib._Hash, seal: Seal) -> str:
    """Return the hash of the members and of what the seal says of them."""
    digest = members.copy()
    digest.update(as_json(replace(seal, sha256="")))
    return digest.hexdigest()


def _signed(name: str, size: int) -> bytes:
    return f"{name}\0{size}\0".encode("utf-8", "surrogateescape")


def _make(path: Path) -> tuple[int, Path]:
    with _file_errors(str(path)):
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    return descriptor, Path(temporary)


def _sync(file: BinaryIO, path: Path) -> None:
    with _file_errors(str(path)):
        file.flush()
        os.fsync(file.fileno())


def _name(temporary: Path, path: Path) -> None:
    """Give the file its name, durably."""
    with _file_errors(str(path)):
        temporary.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _file_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageFullError(f"There is no space left for {name}; nothing of it is kept.") from error
        raise StorageError(f"{name} cannot be written: {error.strerror or 'input/output error'}.") from error


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise DamagedBackupError("The backup is damaged: it is no whole tar file.") from error
    except OSError as error:
        raise StorageError(f"The backup cannot be read: {error.strerror or 'input/output error'}.") from error

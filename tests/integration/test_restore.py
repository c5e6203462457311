"""What is refused: files that are no whole backup, and places where a restore would do harm."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backups import Library, add_talk, contents, fill, library_at, overwrite
from videochat.errors import ConflictError, InvalidError, NotFoundError, StorageError
from videochat.store.archive import DamagedBackupError, Seal, as_json
from videochat.store.restore import NewerBackupError

BLOCK = tarfile.BLOCKSIZE
START = {"format": 1, "schema": "0001", "version": "1.0.0", "created_at": "2026-01-01T00:00:00+00:00"}
SEAL: dict[str, Any] = {"sha256": "", "rows": {}, "blobs": 0, "blob_bytes": 0, "left_out": []}
Members = list[tuple[str, bytes]]


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Library]:
    async with library_at(f"sqlite:///{tmp_path / 'source.db'}", tmp_path / "source") as library:
        await fill(library)
        yield library


@pytest.fixture
async def backup(source: Library, tmp_path: Path) -> Path:
    await source.back_up(tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Library]:
    async with library_at(f"sqlite:///{tmp_path / 'target.db'}", tmp_path / "target") as library:
        yield library


async def assert_untouched(target: Library) -> None:
    """Nothing was written, neither rows nor blobs."""
    assert not any((await target.rows()).values())
    assert not [path for path in target.workplace.parent.parent.rglob("*") if path.is_file()]


async def assert_refused(target: Library, backup: Path, reason: str) -> None:
    with pytest.raises(DamagedBackupError, match=reason):
        await target.restore(backup)
    await assert_untouched(target)


def tar_of(path: Path, members: Members) -> Path:
    """Write a tar by other means than ours."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def sealed(*members: tuple[str, bytes], start: dict[str, Any] = START, **seal: Any) -> Members:
    """Return the members of a backup that fits its seal, whatever it holds."""
    known = [("backup.json", json.dumps(start).encode()), *members]
    digest = hashlib.sha256()
    for name, content in known:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    unsealed = Seal(**{**SEAL, **seal})
    digest.update(as_json(unsealed))
    return [*known, ("seal.json", as_json(replace(unsealed, sha256=digest.hexdigest())))]


async def test_a_torn_file(backup: Path, target: Library) -> None:
    """Wherever it ends: within a member, between two, or before its seal."""
    content = contents(backup)
    assert len(content) % BLOCK == 0
    for length in (BLOCK + 9, 3 * BLOCK, len(content) // 2, len(content) - 4 * BLOCK - 1, len(content) - 4 * BLOCK):
        overwrite(backup, content[:length])
        await assert_refused(target, backup, "torn|damaged|no backup")


def places(backup: Path) -> list[int]:
    """Return where bytes stand that matter: in names, sizes and contents of all members."""
    with tarfile.open(backup) as tar:
        found = [(info.offset, info.offset_data, info.size) for info in tar]
    return [
        place
        for at, data, size in found
        for place in (at, at + 130, *range(data, data + size, 83), data + size - 1)
    ]  # fmt: skip


async def test_altered_bytes(backup: Path, target: Library) -> None:
    """A flipped bit in any member, the seal too, is noticed before anything is written."""
    content = bytearray(contents(backup))
    known = places(backup)
    assert len(known) > 100
    for n, place in enumerate(known):
        content[place] ^= 1 << n % 8
        overwrite(backup, content)
        with pytest.raises((DamagedBackupError, NewerBackupError)):
            await target.restore(backup)
        content[place] ^= 1 << n % 8
    await assert_untouched(target)
    overwrite(backup, content)
    assert (await target.restore(backup)).media == 2


async def test_what_is_no_backup(target: Library, tmp_path: Path) -> None:
    """Another tar, an empty one, no tar, nothing at all: it is said which file."""
    (tmp_path / "text").write_text("something else")
    (tmp_path / "empty").write_bytes(b"")
    tar_of(tmp_path / "foreign", [("readme", b"hello")])
    tar_of(tmp_path / "nothing", [])
    tar_of(tmp_path / "odd", [("backup.json", b"[]")])
    for name in ("text", "empty", "foreign", "nothing", "odd"):
        await assert_refused(target, tmp_path / name, f"{name} is no backup of VideoChat")
    with pytest.raises(NotFoundError, match="There is no file"):
        await target.restore(tmp_path / "missing")


@pytest.mark.parametrize(
    "name",
    ["blobs/../../escaped", "blobs//etc/passwd", "/etc/passwd", "blobs/media/../x/y", "other", "tables/workers/0.jsonl.gz",
     "tables/alembic_version/0.jsonl.gz", "blobs/"],
)  # fmt: skip
async def test_names_that_no_backup_holds(target: Library, tmp_path: Path, name: str) -> None:
    """Whoever makes a seal of their own still cannot write outside the blob store, or into other tables."""
    await assert_refused(target, tar_of(tmp_path / "hostile", sealed((name, b"content"))), "holds what no backup")
    assert not (tmp_path / "escaped").exists()


async def test_a_link_in_place_of_a_file(target: Library, tmp_path: Path) -> None:
    """A member that is a link leads nowhere."""
    with tarfile.open(tmp_path / "linked", "w") as tar:
        start = tarfile.TarInfo("backup.json")
        start.size = len(content := json.dumps(START).encode())
        tar.addfile(start, io.BytesIO(content))
        link = tarfile.TarInfo("blobs/media/aa/aa")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    await assert_refused(target, tmp_path / "linked", "holds what no backup")


@pytest.mark.parametrize("line", ["no json", "[]", '{"sha512": "x"}', '{"sha256": "x", "at": 5}'])
async def test_rows_that_are_none(target: Library, tmp_path: Path, line: str) -> None:
    """Whatever stands where rows should be, the database stays empty."""
    rows = ("tables/leftovers/0000000.jsonl.gz", gzip.compress(line.encode()))
    await assert_refused(target, tar_of(tmp_path / "odd", sealed(rows)), "is damaged")


@pytest.mark.parametrize("start", [{**START, "format": 2, "more": 1}, {**START, "schema": "9999"}])
async def test_a_later_version(target: Library, tmp_path: Path, start: dict[str, Any]) -> None:
    """A newer format or schema says which version to install, even if nothing else of it can be read."""
    later = tar_of(tmp_path / "later", [("backup.json", json.dumps(start).encode()), ("odd", b"")])
    with pytest.raises(NewerBackupError, match=r"install videochat==1\.0\.0 or later"):
        await target.restore(later)
    await assert_untouched(target)


async def test_a_backup_of_an_earlier_schema_fits(target: Library, tmp_path: Path) -> None:
    """Columns that it does not know yet are left to the database."""
    row = {"key": "k", "kind": "audio", "value": {}, "created_at": "2026-01-01T00:00:00+00:00"}
    rows = ("tables/artefacts/0000000.jsonl.gz", gzip.compress(json.dumps(row).encode()))
    await target.restore(tar_of(tmp_path / "early", sealed(rows)))
    (artefact,) = (await target.rows())["artefacts"]
    assert (artefact["key"], artefact["subject"]) == ("k", None)


async def test_a_database_that_is_not_empty(backup: Path, target: Library) -> None:
    """What is there is not touched, and nothing is added to it; a second restore is refused the same way."""
    await add_talk(target, "mine")
    before = await target.rows()
    with pytest.raises(ConflictError, match="not empty"):
        await target.restore(backup)
    assert await target.rows() == before


async def test_a_restore_that_was_interrupted_can_be_repeated(backup: Path, source: Library, target: Library) -> None:
    """The blobs that it has brought are no obstacle; then everything is there once."""
    rows = await source.rows()
    key = f"media/m1/{rows['media'][0]['sha256']}"
    async with target.workplace.folder(8, "testing") as folder:
        (folder / "blob").write_bytes(await source.blob(key))
        await target.blobs.put(key, folder / "blob")
    await target.restore(backup)
    assert len((await target.rows())["media"]) == len(rows["media"]) == 2
    with pytest.raises(ConflictError, match="not empty"):
        await target.restore(backup)


async def test_a_file_that_is_there_is_not_overwritten(backup: Path, source: Library, tmp_path: Path) -> None:
    """Neither another backup nor a recording is lost by a slip, and a folder that is not there is named."""
    before = contents(backup)
    with pytest.raises(InvalidError, match="exists already"):
        await source.back_up(backup)
    assert contents(backup) == before
    with pytest.raises(StorageError, match="there is no folder"):
        await source.back_up(tmp_path / "missing" / "backup")


async def test_other_tars_can_list_it(backup: Path) -> None:
    """It is a plain tar, readable for its owner only; what it is stands first, and its seal last."""
    with tarfile.open(backup, "r:") as tar:
        names = tar.getnames()
        rows = json.loads(gzip.decompress(tar.extractfile("tables/media/0000000.jsonl.gz").read()).splitlines()[0])
    assert (names[0], names[-1]) == ("backup.json", "seal.json")
    assert rows["name"] == "m1.mp4"
    assert (await asyncio.to_thread(backup.stat)).st_mode & 0o777 == 0o600

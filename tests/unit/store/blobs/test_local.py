"""What is special about blobs in a local folder."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from videochat.errors import ConfigurationError, StorageError
from videochat.store.blobs.local import LocalBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.mark.parametrize("url", ["file://folder/x", "folder", "s3://bucket", "file:folder", ""])
def test_a_url_that_names_no_folder_is_refused(url: str) -> None:
    """A folder of another host, or one relative to wherever we were started, is a mistake."""
    with pytest.raises(ConfigurationError, match="STORAGE__URL"):
        LocalBlobs.from_url(url)


async def test_a_url_may_hold_escaped_characters(tmp_path: Path) -> None:
    """A space in the folder's name works."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    await LocalBlobs.from_url(f"file://{tmp_path}/my%20blobs").put("a/b", source)
    assert (tmp_path / "my blobs" / "a" / "b").read_bytes() == b"x"


async def test_only_the_owner_may_look(blobs: LocalBlobs, tmp_path: Path) -> None:
    """The folder belongs to the service alone."""
    await blobs.ping()
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


async def test_empty_folders_go_with_the_last_blob(blobs: LocalBlobs, tmp_path: Path) -> None:
    """Thousands of deleted recordings leave no thousands of folders."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    await blobs.put("media/3f/3fa9", source)
    await blobs.delete("media/3f/3fa9")
    assert list((tmp_path / "blobs").iterdir()) == []


async def test_a_missing_source_leaves_nothing(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A put that fails stores nothing."""
    with pytest.raises(StorageError):
        await blobs.put("a/b", tmp_path / "missing")
    assert not await blobs.exists("a/b")


async def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    """The message says what is wrong and names no path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        await LocalBlobs(tmp_path / "file").ping()
    assert str(tmp_path) not in caught.value.message

"""Where large things are kept: the port. Adapters live in blobs/.

The scheme of STORAGE__URL names the entry point of `videochat.blobs` whose `from_url(url, workplace)` makes the store; it
raises ConfigurationError.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from videochat.errors import StorageError

KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


class Blobs(Protocol):
    """A flat store of files under keys such as `media/3f/3fa9…`.

    A key is written whole or not at all and its content never changes. Keys are made by VideoChat, never by a user.
    Errors: NotFoundError for an unknown key, StorageFullError, StorageUnavailableError, StorageError.
    """

    async def put(self, key: str, source: Path) -> None:
        """Store the file under the key and remove the source; storing a known key again is harmless."""
        ...

    async def size(self, key: str) -> int:
        """Return the number of bytes."""
        ...

    async def exists(self, key: str) -> bool:
        """Say whether the key is known."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from start up to, not including, end."""
        ...

    def local(self, key: str) -> AbstractAsyncContextManager[Path]:
        """Give a local path to read from while the context is open; a remote store fetches a temporary copy."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the key; removing an unknown key is harmless."""
        ...

    async def ping(self) -> None:
        """Raise StorageError when the store cannot be written."""
        ...


def check_key(key: str) -> str:
    """Return the key. Raises StorageError for one that VideoChat does not make: it could lead out of the store."""
    if KEY.fullmatch(key) is None or ".." in key:
        raise StorageError("The key of a blob holds characters that are not allowed.")
    return key


def content_key(sha256: str) -> str:
    """Return the key of what was uploaded."""
    return f"media/{sha256[:2]}/{sha256}"


def windows_prefix(sha256: str) -> str:
    """Return what the keys of the windows of this content begin with."""
    return f"windows/{sha256[:2]}/{sha256}/"


def content_of(key: str) -> str:
    """Return the content (sha256) that a blob is, or was derived from; nothing for a key that is not of a content."""
    return "".join(key.split("/")[2:3])

"""Blobs in an S3-compatible store: Amazon's, or one of one's own such as MinIO. The only file that names obstore.

Uploads that were interrupted leave invisible parts, also when we are killed and cannot tidy up: a bucket should have a rule
that removes incomplete multipart uploads after a day.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from videochat.errors import (
    ConfigurationError,
    NotFoundError,
    StorageError,
    StorageUnavailableError,
    VideoChatError,
    from_os_error,
)
from videochat.store.blob import check_key
from videochat.store.blobs.s3_url import S3Url, check_credentials
from videochat.store.work import Workplace

try:
    import obstore
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
    from obstore.store import S3Store
except ModuleNotFoundError as error:
    raise ConfigurationError("STORAGE__URL: for an s3 store install videochat[s3].") from error

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists for type checkers only

MIB = 1024**2
# A file is sent in parts, these many at a time: memory stays flat, and what failed is sent again by the part.
PART_BYTES = 8 * MIB
PARTS_AT_A_TIME = 2
MOST_PARTS = 10_000
# Each block is a request of its own: a player may pause for hours between two, which no long response would survive.
# Blocks grow, so that the first bytes come at once and the rest in few requests.
FIRST_BLOCK_BYTES = MIB // 2
LARGEST_BLOCK_BYTES = 8 * MIB
PIECE_BYTES = MIB // 2
CONNECT_TIMEOUT = timedelta(seconds=5)
REQUEST_TIMEOUT = timedelta(seconds=60)  # for one part or block
RETRIES = 5  # within about three seconds, then whoever asked decides
RETRY_TIMEOUT = timedelta(seconds=60)
PING_SECONDS = 5.0
PING = ".ping"  # cannot be a key
TRANSIENT = {"408", "429"}
STATUS = re.compile(r"status code: (\d{3})")
REDIRECT = "Received redirect"  # to another region, without saying to which
CODE = re.compile(r"<Code>(\w{1,60})</Code>")


class S3Blobs:
    """Keeps each blob as the object of its key's name below a prefix; see the port `videochat.store.blob.Blobs`."""

    def __init__(self, store: S3Store, workplace: Workplace) -> None:
        self._store = store
        self._workplace = workplace

    @classmethod
    def from_url(cls, url: str, workplace: Workplace) -> S3Blobs:
        """Make the store of `s3://bucket/prefix?endpoint=…&region=…`, with keys from AWS_… variables. Raises ConfigurationError."""
        where = S3Url.parse(url, os.environ)
        check_credentials(os.environ)
        return cls(_open(where), workplace)

    async def put(self, key: str, source: Path) -> None:
        with _disk_errors("storing a file"):
            size = (await asyncio.to_thread(source.stat)).st_size
            await self._send(check_key(key), source, size)
            await asyncio.to_thread(source.unlink)

    async def size(self, key: str) -> int:
        with _store_errors(missing=_unknown(key)):
            return (await obstore.head_async(self._store, check_key(key)))["size"]

    async def exists(self, key: str) -> bool:
        try:
            await self.size(key)
        except NotFoundError:
            return False
        return True

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        size = await self.size(key)
        async for block in self._blocks(key, start, size if end is None else min(end, size)):
            for at in range(0, len(block), PIECE_BYTES):
                yield bytes(block[at : at + PIECE_BYTES])

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        size = await self.size(key)
        async with self._workplace.folder(size, "fetching a file") as folder:
            path = folder / key.rpartition("/")[2]
            await self._fetch(key, size, path)
            yield path

    async def delete(self, key: str) -> None:
        with _store_errors(missing=_no_bucket()):
            await obstore.delete_async(self._store, check_key(key))

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._ping()
        except TimeoutError:
            raise StorageUnavailableError from None

    async def _ping(self) -> None:
        with _store_errors(missing=_no_bucket()):
            await obstore.put_async(self._store, PING, b"ping")
            await obstore.delete_async(self._store, PING)

    async def _blocks(self, key: str, start: int, end: int) -> AsyncIterator[memoryview]:
        length = FIRST_BLOCK_BYTES
        while start < end:
            stop = min(start + length, end)
            with _store_errors(missing=_unknown(key)):
                block = await obstore.get_range_async(self._store, key, start=start, end=stop)
            yield memoryview(block)
            start, length = stop, min(2 * length, LARGEST_BLOCK_BYTES)

    async def _send(self, key: str, source: Path, size: int) -> None:
        part = max(PART_BYTES, -(-size // MOST_PARTS))
        with _store_errors(missing=_no_bucket()):
            await obstore.put_async(self._store, key, source, chunk_size=part, max_concurrency=PARTS_AT_A_TIME)

    async def _fetch(self, key: str, size: int, path: Path) -> None:
        with _disk_errors("fetching a file"), await asyncio.to_thread(path.open, "wb") as file:
            async for block in self._blocks(key, 0, size):
                await asyncio.to_thread(file.write, block)


def _open(where: S3Url) -> S3Store:
    config: S3Config = {"disable_bulk_delete": True}  # not every store has it, and we delete one at a time
    if where.region:
        config["region"] = where.region
    if where.endpoint:
        config["endpoint"] = config["aws_endpoint_url_s3"] = where.endpoint  # the second would win from the environment
    try:
        return S3Store(
            where.bucket,
            prefix=where.prefix,
            config=config,
            client_options={"allow_http": where.plain, "connect_timeout": CONNECT_TIMEOUT, "timeout": REQUEST_TIMEOUT},
            retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
        )
    except (BaseError, ValueError):
        raise ConfigurationError("STORAGE__URL: the s3 store does not understand one of the AWS_… variables.") from None


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(f"There is no blob {key}.")


def _no_bucket() -> StorageError:
    return StorageError("The bucket of STORAGE__URL does not exist.")


@contextmanager
def _disk_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing) from error


@contextmanager
def _store_errors(*, missing: VideoChatError) -> Iterator[None]:
    """Raise our errors for the store's, and `missing` for what it does not know; its own words hold addresses and key ids."""
    try:
        yield
    except FileNotFoundError:
        raise missing from None
    except BaseError as error:
        raise _meaning(error) from None


def _meaning(error: BaseError) -> StorageError:
    status, code = _first(STATUS, error), _first(CODE, error)
    reason = " ".join(filter(None, (status, code))) or "wrong region or endpoint"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return StorageError(
            f"The blob store refuses us ({reason}): check the AWS_… variables and their rights on the bucket."
        )
    if REDIRECT in str(error) or (status.startswith("4") and status not in TRANSIENT):
        return StorageError(
            f"The blob store refuses the request ({reason}): check STORAGE__URL and the AWS_… variables."
        )
    return StorageUnavailableError()


def _first(pattern: re.Pattern[str], error: BaseError) -> str:
    found = pattern.search(str(error))
    return found[1] if found else ""

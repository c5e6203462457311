"""An S3 of our own: moto as an HTTP server in a process of its own, so that its memory is not counted as ours."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAVIDEOCHATTEST", "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see"}
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
START_SECONDS = 60.0


@dataclass(frozen=True)
class Bucket:
    """A bucket, empty at first, looked at by other means than ours."""

    endpoint: str
    name: str

    @classmethod
    def create(cls, endpoint: str) -> Bucket:
        bucket = cls(endpoint, f"bucket-{uuid.uuid4().hex[:12]}")
        httpx.put(f"{endpoint}/{bucket.name}").raise_for_status()
        return bucket

    @property
    def url(self) -> str:
        return self.url_at(self.endpoint)

    def url_at(self, endpoint: str) -> str:
        return f"s3://{self.name}/some/prefix?endpoint={endpoint}&region=us-east-1"

    def objects(self) -> list[str]:
        return self._named("list-type=2", "Key")

    def unfinished(self) -> list[str]:
        """Return the keys of uploads whose parts still lie there."""
        return self._named("uploads", "Key")

    def _named(self, query: str, tag: str) -> list[str]:
        answer = httpx.get(f"{self.endpoint}/{self.name}?{query}").raise_for_status()
        return re.findall(f"<{tag}>(.*?)</{tag}>", answer.text)


@contextmanager
def serve_s3(log: Path) -> Iterator[str]:
    """Run the server and give its address."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stdout=output, stderr=output
        )
    try:
        yield _address(server, log)
    finally:
        server.kill()
        server.wait()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := ADDRESS.search(log.read_text()):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"moto does not start: {log.read_text()[-2000:]}")

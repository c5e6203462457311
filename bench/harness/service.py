"""Real processes to measure: the service as a user starts it, and a bare Starlette beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.report import InvalidMeasureError

HOST = "127.0.0.1"
VIDEOCHAT = (sys.executable, "-m", "videochat")
BARE = (sys.executable, str(Path(__file__).with_name("bare.py")))
READY_SECONDS = 60.0
STOP_SECONDS = 20.0

Process = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Server:
    """A running HTTP server on this machine."""

    process: Process
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def wait(self, until: Callable[[Server], bool]) -> None:
        """Wait until the server is so. Raises InvalidMeasureError when it ends or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if until(self):
                return
            time.sleep(0.1)
        said = self.log.read_text(errors="replace").strip().splitlines()
        raise InvalidMeasureError(f"a server did not get ready; it said last: {said[-1] if said else 'nothing'}")


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which of VideoChat's settings only these count, with the data in the folder."""
    inherited = {name: value for name, value in os.environ.items() if "__" not in name}
    return {**inherited, "DATA_DIR": str(folder / "data"), **settings}


def local_client(server: Server) -> httpx.Client:
    """Return a client for what is not measured; it never asks a proxy."""
    return httpx.Client(base_url=server.url, timeout=60, trust_env=False)


@contextmanager
def videochat_service(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run `videochat serve` with its worker on a free port; all it writes stays in the folder."""
    port = free_port()
    command = (*VIDEOCHAT, "serve", "--port", str(port))
    with _running(command, folder, environment(folder, settings), port) as server:
        server.wait(lambda server: bool(workers_alive(server)))
        yield server


@contextmanager
def bare_service(folder: Path) -> Iterator[Server]:
    """Run the bare Starlette application on a free port."""
    port = free_port()
    with _running((*BARE, str(port)), folder, dict(os.environ), port) as server:
        server.wait(_answers)
        yield server


@contextmanager
def _running(command: Sequence[str], folder: Path, variables: Mapping[str, str], port: int) -> Iterator[Server]:
    log = folder / f"{port}.log"
    process = start(command, folder, variables, log)
    try:
        yield Server(process, port, log)
    finally:
        stop(process)


def start(command: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path) -> Process:
    """Start a process, with a group of its own, that writes its log into the file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=output, process_group=0
        )


def stop(*processes: Process) -> None:
    """Ask the processes to end and wait for their children too: they write into the folder that is about to be removed."""
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.terminate()
    for process in processes:
        while _group_lives(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def workers_alive(server: Server) -> int | None:
    """Return how many workers the service knows to be alive, None while it does not answer."""
    try:
        with local_client(server) as client:
            components = client.get("/health/ready").json()["components"]
    except httpx.TransportError:
        return None
    return int(components.get("workers", {}).get("alive", 0))


def _answers(server: Server) -> bool:
    try:
        with local_client(server) as client:
            return client.get("/").is_success
    except httpx.TransportError:
        return False


def _group_lives(process: Process) -> bool:
    process.poll()  # reaps it: a zombie would count as living
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True

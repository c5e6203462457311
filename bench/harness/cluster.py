"""Web processes and workers of their own on one database: each can be killed and replaced by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from harness.databases import Kind, available, empty_database
from harness.paced import PacedLog, install
from harness.report import require
from harness.service import (
    VIDEOCHAT,
    Process,
    Server,
    environment,
    free_port,
    local_client,
    start,
    stop,
    workers_alive,
)

ENGINE = "videochat.transcripts.engine_child"
WORKERS_LOG = "workers.log"
UNLOAD_SECONDS = 30.0

Found = TypeVar("Found")


class Cluster:
    """The processes of one installation, in one folder, with the paced engine unless the settings name another.

    `at_a_time` is how many windows each worker listens to, JOBS__CONCURRENCY of the settings. `client` asks the first web
    process.
    """

    def __init__(self, kind: Kind, folder: Path, database_url: str, settings: Mapping[str, str]) -> None:
        paced = install(folder / "engine")
        self.kind = kind
        self.folder = folder
        self.database_url = database_url
        self.log = PacedLog.of(paced)
        self._variables = environment(folder, {"DATABASE__URL": database_url, **paced, **settings})
        self.at_a_time = int(settings["JOBS__CONCURRENCY"])
        self.webs = [self._start_web(free_port())]
        self.workers: list[Process] = []
        self.client = local_client(self.web)

    @property
    def web(self) -> Server:
        """The first web process."""
        return self.webs[0]

    def add_web(self) -> Server:
        """Start another web process and wait until it answers."""
        self.webs.append(self._start_web(free_port()))
        self.wait_for_web(-1)
        return self.webs[-1]

    def add_worker(self) -> Process:
        """Start another worker; `wait_for_workers` says when it works."""
        worker = start((*VIDEOCHAT, "worker"), self.folder, self._variables, self.folder / WORKERS_LOG)
        self.workers.append(worker)
        return worker

    def have_workers(self, count: int) -> None:
        """Start or stop workers until there are so many, and wait until they work."""
        while len(self.workers) < count:
            self.add_worker()
        stop(*self.workers[count:])
        del self.workers[count:]
        self.wait_for_workers()

    def wait_until_unloaded(self) -> None:
        """Wait until no speech engine is loaded, so that the next job has to start them."""
        deadline = time.monotonic() + UNLOAD_SECONDS
        while any(engines_of(worker) for worker in self.workers):
            require(time.monotonic() < deadline, "the engines are not unloaded")
            time.sleep(0.1)

    def wait_for_workers(self) -> None:
        """Wait until the web process answers and sees exactly the workers of this cluster alive."""
        self.web.wait(lambda web: workers_alive(web) == len(self.workers))

    def kill_worker(self, worker: Process) -> float:
        """Kill the worker as the kernel would and return when, by `time.monotonic()`."""
        self.workers.remove(worker)
        return kill(worker)

    def run_script(self, name: str, *arguments: str) -> None:
        """Run a script of this folder in the environment of the installation."""
        script = Path(__file__).with_name(name)
        command = [sys.executable, str(script), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self._variables, capture_output=True, text=True, check=False
        )
        require(done.returncode == 0, f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")

    def thaw(self) -> None:
        """Let workers that were frozen go on."""
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)

    def replace_web(self, n: int = 0) -> float:
        """Kill the n-th web process, start another one on the same port, and return when it was killed."""
        killed = kill(self.webs[n].process)
        self.webs[n] = self._start_web(self.webs[n].port)
        return killed

    def sleep(self) -> None:
        """Freeze all processes with their children, so that they cost nothing while something else is measured."""
        self._signal_all(signal.SIGSTOP)

    def wake(self) -> None:
        """Let all processes go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in (*(web.process for web in self.webs), *self.workers):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def wait_for_web(self, n: int) -> None:
        """Wait until the n-th web process answers."""
        self.webs[n].wait(_answers)

    def stop(self) -> None:
        self.client.close()
        self.wake()
        stop(*(web.process for web in self.webs), *self.workers)

    def _start_web(self, port: int) -> Server:
        command = (*VIDEOCHAT, "serve", "--no-worker", "--port", str(port))
        log = self.folder / "web.log"
        return Server(start(command, self.folder, self._variables, log), port, log)


@contextmanager
def running_cluster(kind: Kind, folder: Path, workers: int, settings: Mapping[str, str]) -> Iterator[Cluster]:
    """Run a web process and so many workers on an empty database of this kind; all they write stays in the folder."""
    folder.mkdir()
    with empty_database(kind, folder) as url:
        cluster = Cluster(kind, folder, url, settings)
        try:
            cluster.web.wait(_answers)  # it brings the database up to date, for which the workers would only wait
            cluster.have_workers(workers)
            yield cluster
        finally:
            cluster.stop()


def on_each_database(workers: int, settings: Mapping[str, str], run: Callable[[Cluster], Found]) -> dict[Kind, Found]:
    """Return what the run finds on SQLite and, where a server answers, on PostgreSQL, each with a cluster of its own."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for kind in available():
            with running_cluster(kind, Path(name) / kind, workers, settings) as cluster:
                found[kind] = run(cluster)
    return found


def kill(process: Process) -> float:
    """Send SIGKILL, reap the process, and return when it was sent."""
    when = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.wait()
    return when


def engines_of(worker: Process) -> list[int]:
    """Return the process ids of the worker's speech engines."""
    return [child.pid for child in psutil.Process(worker.pid).children() if ENGINE in _command(child)]


def _answers(web: Server) -> bool:
    return workers_alive(web) is not None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # it ended while we looked, or it is about to
        return []

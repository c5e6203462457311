"""What this process and its machine use, written into the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

from videochat.ops.allowance import Allowance
from videochat.ops.gpu import gpus
from videochat.ops.metrics import Metrics
from videochat.ops.resources import Space

MOMENT = 0.001  # seconds that looks are apart at least
SUPERVISED = "--supervised"  # among the arguments of a worker that `serve` started


@dataclass(frozen=True, slots=True)
class ProcessName:
    """Which process this is: its role (web, worker), its machine and its number there."""

    role: str
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    def __str__(self) -> str:
        return f"{self.role}@{self.host}:{self.pid}"


def host_of(name: str) -> str:
    """Return the machine in the name of a process."""
    return name.partition("@")[2].rpartition(":")[0]


class Monitor:
    """Looks at process, machine and disk; the first look only begins what later ones measure."""

    def __init__(self, name: ProcessName, space: Space, metrics: Metrics, allowance: Allowance) -> None:
        self._name = name
        self._space = space
        self._metrics = metrics
        self._allowance = allowance
        self._process = psutil.Process()
        self._used = 0.0
        self._network = _Network()
        psutil.cpu_percent()

    def look(self) -> None:
        """Take the numbers as they are now."""
        self._look_at_the_process()
        self._look_at_the_machine()

    def _look_at_the_process(self) -> None:
        name, metrics = str(self._name), self._metrics
        memory, used = _family(self._process)
        metrics.process_memory.labels(name).set(memory)
        if used > self._used:  # a child that ended takes what it used along
            metrics.process_cpu.labels(name).inc(used - self._used)
        self._used = used
        metrics.process_handles.labels(name).set(self._process.num_fds() if hasattr(self._process, "num_fds") else 0)
        metrics.process_tasks.labels(name).set(len(asyncio.all_tasks()))

    def _look_at_the_machine(self) -> None:
        host, machine = self._name.host, self._metrics.machine
        machine.labels(host, "cpu").set(psutil.cpu_percent() / 100)
        allowance = self._allowance  # a container is full when its own memory is, whatever its machine has left
        machine.labels(host, "memory").set(1 - allowance.free_memory / allowance.memory)
        machine.labels(host, "disk").set(self._space.used)
        self._metrics.disk_free.labels(host).set(max(0, self._space.free))
        for n, gpu in enumerate(gpus()):
            machine.labels(host, f"gpu{n}").set(gpu.busy)
            machine.labels(host, f"gpu{n}_memory").set(gpu.memory)
        for direction, rate in self._network.rates().items():
            self._metrics.network.labels(host, direction).set(rate)


class _Network:
    """How fast bytes come to this machine and leave it, but for what it sends to itself."""

    def __init__(self) -> None:
        self._seen = self._count()

    def rates(self) -> dict[str, float]:
        """Return the bytes per second since the look before."""
        before, self._seen = self._seen, self._count()
        seconds = max(MOMENT, self._seen[0] - before[0])
        received, sent = (max(0, now - then) / seconds for now, then in zip(self._seen[1:], before[1:], strict=True))
        return {"received": received, "sent": sent}

    def _count(self) -> tuple[float, int, int]:
        """Return the time, and the bytes that were received and sent by then."""
        loops = {name for name, state in psutil.net_if_stats().items() if "loopback" in state.flags.split(",")}
        cards = [card for name, card in psutil.net_io_counters(pernic=True).items() if name not in loops]
        return time.monotonic(), sum(card.bytes_recv for card in cards), sum(card.bytes_sent for card in cards)


def _family(process: psutil.Process) -> tuple[int, float]:
    """Return the bytes of memory and the seconds of processor time of a process and its helpers."""
    memory, seconds = 0, 0.0
    for one in (process, *_helpers(process)):
        with contextlib.suppress(psutil.NoSuchProcess):
            with one.oneshot():
                times = one.cpu_times()
                memory += one.memory_info().rss
            seconds += times.user + times.system
            if one is process:
                seconds += times.children_user + times.children_system
    return memory, seconds


def _helpers(process: psutil.Process) -> Iterator[psutil.Process]:
    """Yield what works for the process; the worker that a web process starts reports for itself."""
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if SUPERVISED not in child.cmdline():
                yield child
                yield from _helpers(child)

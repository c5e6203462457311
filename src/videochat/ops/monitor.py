"""What this process and its machine use, written into the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import psutil

from videochat.ops.metrics import Metrics
from videochat.ops.resources import Space

SUPERVISED = "--supervised"  # among the arguments of a worker that `serve` started


@dataclass(frozen=True, slots=True)
class ProcessName:
    """Which process this is: its role (web, worker), its machine and its number there."""

    role: str
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    def __str__(self) -> str:
        return f"{self.role}@{self.host}:{self.pid}"


class Monitor:
    """Looks at process, machine and disk; the first look only begins what later ones measure."""

    def __init__(self, name: ProcessName, space: Space, metrics: Metrics) -> None:
        self._name = name
        self._space = space
        self._metrics = metrics
        self._process = psutil.Process()
        self._used = 0.0
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
        machine.labels(host, "memory").set(psutil.virtual_memory().percent / 100)
        machine.labels(host, "disk").set(self._space.used)
        self._metrics.disk_free.labels(host).set(max(0, self._space.free))
        for n, (busy, memory) in enumerate(_gpus()):
            machine.labels(host, f"gpu{n}").set(busy)
            machine.labels(host, f"gpu{n}_memory").set(memory)


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


def _gpus() -> list[tuple[float, float]]:
    """Return for each NVIDIA GPU which share of its time and of its memory is in use; none without driver or library."""
    try:
        library: Any = import_module("pynvml")  # only where videochat[cuda] is installed
    except ImportError:
        return []
    try:
        library.nvmlInit()
        handles = [library.nvmlDeviceGetHandleByIndex(n) for n in range(library.nvmlDeviceGetCount())]
        memories = [library.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
        busy = [library.nvmlDeviceGetUtilizationRates(handle).gpu / 100 for handle in handles]
        return [(share, memory.used / memory.total) for share, memory in zip(busy, memories, strict=True)]
    except library.NVMLError:
        return []

"""What the metrics say of a machine and a process is what happens there."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from control_groups import GIB, container
from videochat.ops.allowance import Allowance
from videochat.ops.metrics import Metrics
from videochat.ops.monitor import SUPERVISED, Monitor, ProcessName
from videochat.ops.resources import Space
from waiting import until

MIB = 1024**2
NAME = ProcessName("worker", "pod", 1)
# Holds 64 MiB and uses half a second of a processor, says so, and stays until its input ends.
WORK = "import sys, time; held = b'x' * (64 << 20)\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True); sys.stdin.read()"


class Watched:
    """A monitor of this process and machine, and what it has written."""

    def __init__(self, folder: Path, reserve: int = 0, allowance: Allowance | None = None) -> None:
        self._metrics = Metrics()
        self._monitor = Monitor(NAME, Space(folder, reserve), self._metrics, allowance or Allowance())
        self._monitor.look()

    def process(self, what: str) -> float:
        """Look, and return a number of this process."""
        return self._value(f"process_{what}", process=str(NAME))

    def machine(self, resource: str) -> float:
        """Look, and return a share of this machine."""
        return self._value("machine", host="pod", resource=resource)

    def network(self) -> dict[str, float]:
        """Look, and return the bytes per second since the look before, by direction."""
        self._monitor.look()
        return {way: self._read("network_bytes_per_second", host="pod", direction=way) for way in ("received", "sent")}

    def disk_free(self) -> float:
        return self._value("disk_free_bytes", host="pod")

    def _value(self, name: str, **labels: str) -> float:
        self._monitor.look()
        return self._read(name, **labels)

    def _read(self, name: str, **labels: str) -> float:
        value = self._metrics.registry.get_sample_value(f"videochat_{name}", labels)
        assert value is not None
        return value


@pytest.fixture
async def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@contextmanager
def helper(*arguments: str) -> Iterator[None]:
    """Let a child of this process do its work, and end it afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", WORK, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"done\n"
        yield


def burn(seconds: float) -> None:
    """Use so many seconds of a processor, however long that takes."""
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


async def test_a_busy_process_shows_its_processor_time(watched: Watched) -> None:
    """Half a second of work is half a second, as the system counts it; a process that sleeps uses next to nothing."""
    before = watched.process("cpu_used_seconds_total")
    burn(0.5)
    used = watched.process("cpu_used_seconds_total") - before
    assert used == pytest.approx(0.5, abs=0.1)
    await asyncio.sleep(0.5)
    assert watched.process("cpu_used_seconds_total") - before - used < 0.25


async def test_a_busy_machine_shows_its_share(watched: Watched) -> None:
    """While one process keeps a core busy, at least that part of the machine is in use, and never more than all of it."""

    def share() -> bool:
        watched.machine("cpu")
        began = time.monotonic()
        burn(0.5)
        own = 0.5 / (time.monotonic() - began) / (psutil.cpu_count() or 1)
        return own / 2 < watched.machine("cpu") <= 1  # the machine counts in ticks, of which some fall beside the work

    await until(share)


async def test_memory_that_is_held_shows_and_goes(watched: Watched) -> None:
    """What is allocated is there for as long as it is held."""
    before = watched.process("memory_bytes")
    assert before > 0
    held = b"x" * (256 * MIB)
    assert watched.process("memory_bytes") - before == pytest.approx(len(held), rel=0.1)
    del held
    assert watched.process("memory_bytes") - before < 64 * MIB


async def test_helpers_count_for_their_process(watched: Watched) -> None:
    """A child's memory and processor time are its parent's; what it used stays when it has ended, its memory does not."""
    memory, used = watched.process("memory_bytes"), watched.process("cpu_used_seconds_total")
    with helper():
        assert watched.process("memory_bytes") - memory > 64 * MIB
        assert watched.process("cpu_used_seconds_total") - used >= 0.45
    assert watched.process("memory_bytes") - memory < 32 * MIB
    assert watched.process("cpu_used_seconds_total") - used >= 0.45


async def test_a_helper_that_nobody_saw_counts(watched: Watched) -> None:
    """What a child used that began and ended between two looks is its parent's, and counts once."""
    before = watched.process("cpu_used_seconds_total")
    with helper():
        pass
    assert 0.45 <= watched.process("cpu_used_seconds_total") - before < 0.9


async def test_a_worker_that_was_started_reports_for_itself(watched: Watched) -> None:
    """What it holds does not count a second time for the process that started it."""
    before = watched.process("memory_bytes")
    with helper(SUPERVISED):
        assert watched.process("memory_bytes") - before < 32 * MIB


async def test_open_files_and_sockets_are_handles(watched: Watched, tmp_path: Path) -> None:
    """Each one counts while it is open."""
    gc.collect()  # what nobody closed is not to go in between
    before = watched.process("handles")
    with ExitStack() as stack:
        for n in range(20):
            stack.enter_context((tmp_path / f"{n}").open("wb"))
            stack.enter_context(socket.socket())
        assert watched.process("handles") == before + 40
    assert watched.process("handles") == before


async def test_coroutines_that_run_are_counted(watched: Watched) -> None:
    """Each task of the loop is one, until it has ended."""
    before = watched.process("tasks")
    assert before >= 1  # this test
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(asyncio.sleep(0.01))
        assert watched.process("tasks") == before + 5
    assert watched.process("tasks") == before


async def test_the_disk_is_the_one_that_the_system_sees(tmp_path: Path) -> None:
    """Free is what the system calls free without the reserve, and never less than nothing; the share is the system's, too."""
    watched = Watched(tmp_path, reserve=GIB)

    def agrees() -> bool:
        free, share, now = watched.disk_free(), watched.machine("disk"), shutil.disk_usage(tmp_path)
        wanted = max(0, now.free - GIB)
        return abs(free - wanted) < MIB and abs(share - now.used / now.total) < 0.001

    await until(agrees)  # others write to the same disk
    assert Watched(tmp_path, reserve=shutil.disk_usage(tmp_path).total).disk_free() == 0


async def test_what_a_machine_sends_to_itself_is_no_traffic(watched: Watched) -> None:
    """What goes over the loopback shows in neither direction."""

    def hides() -> bool:
        watched.network()
        began = time.monotonic()
        send_to_ourselves(64 * MIB)
        return max(watched.network().values()) * (time.monotonic() - began) < 16 * MIB

    await until(hides)  # the machine may be busy receiving something else


def send_to_ourselves(size: int) -> None:
    """Send so many bytes from one socket of this machine to another."""
    block = bytes(64 * 1024)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        other, _ = listener.accept()
        with other:
            for _ in range(size // len(block)):
                one.sendall(block)
                other.recv(len(block), socket.MSG_WAITALL)


async def test_traffic_is_what_the_cards_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the bytes of all cards but the loopback, by the second; a counter that begins anew is no negative rate."""
    cards: dict[str, SimpleNamespace] = {}
    flags = {"lo": "up,loopback,running", "eth0": "up,broadcast", "wlan0": "up,multicast"}

    def count(lo: int, eth0: int, wlan0: int) -> None:
        """Let each card have received so many million bytes, and sent a tenth of that."""
        for name, n in (("lo", lo), ("eth0", eth0), ("wlan0", wlan0)):
            cards[name] = SimpleNamespace(bytes_recv=n * 10**6, bytes_sent=n * 10**5)

    count(5, 10, 20)
    monkeypatch.setattr(psutil, "net_io_counters", lambda *, pernic: cards if pernic else None)
    monkeypatch.setattr(psutil, "net_if_stats", lambda: {name: SimpleNamespace(flags=f) for name, f in flags.items()})
    earliest = time.monotonic()
    watched = Watched(tmp_path)
    latest = time.monotonic()
    await asyncio.sleep(0.2)
    shortest = time.monotonic() - latest
    count(1005, 12, 24)
    rates = watched.network()
    for direction, size in (("received", 6 * 10**6), ("sent", 6 * 10**5)):
        assert size / (time.monotonic() - earliest) <= rates[direction] <= size / shortest
    count(0, 0, 0)
    assert watched.network() == {"received": 0, "sent": 0}


@pytest.mark.usefixtures("machine")
async def test_the_memory_of_a_container_is_its_own(tmp_path: Path) -> None:
    """A container that has used three quarters of its memory says so, although its machine is far from full."""
    allowance = container(tmp_path, memory_max=8 * GIB, memory_current=6 * GIB)
    assert Watched(tmp_path, allowance=allowance).machine("memory") == 0.75

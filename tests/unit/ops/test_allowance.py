"""What a process may use, of a machine with 16 cores and 64 GiB, of which 40 are free."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from control_groups import GIB, container, inside
from videochat.ops.allowance import Allowance

pytestmark = pytest.mark.usefixtures("machine")

V1 = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"


def test_without_control_groups_there_is_the_whole_machine(tmp_path: Path) -> None:
    """Where nothing says otherwise, as on a Mac, and where groups have no limits."""
    bare, free = (
        Allowance(tmp_path / "none", tmp_path / "nobody"),
        container(tmp_path, cpu_max="max 100000", memory_max="max"),
    )
    for one in (bare, free):
        assert (one.cores, one.memory, one.free_memory) == (16, 64 * GIB, 40 * GIB)


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("3200000 100000", 16)]
)
def test_a_quota_of_processor_time_counts_as_cores(tmp_path: Path, quota: str, cores: int) -> None:
    """Rounded up, at least one, and never more than the machine has."""
    assert container(tmp_path, cpu_max=quota).cores == cores


def test_cores_that_a_process_is_pinned_to_are_all_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a larger quota too."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 7}, raising=False)
    assert container(tmp_path, cpu_max="400000 100000").cores == 2


def test_memory_is_what_the_container_has_left(tmp_path: Path) -> None:
    """Its limit less what it uses, but for the files and tables that the kernel would take back."""
    stat = f"anon {4 * GIB}\ninactive_file {GIB // 4}\nactive_file {GIB // 2}\nslab_reclaimable {GIB // 4}"
    one = container(tmp_path, memory_max=6 * GIB, memory_current=5 * GIB, memory_stat=stat)
    assert (one.memory, one.free_memory) == (6 * GIB, 2 * GIB)


def test_the_machine_can_have_less_than_the_container_may_use(tmp_path: Path) -> None:
    """A generous limit makes no memory."""
    one = container(tmp_path, memory_max=100 * GIB, memory_current=0)
    assert (one.memory, one.free_memory) == (64 * GIB, 40 * GIB)


def test_memory_over_its_limit_is_none_left(tmp_path: Path) -> None:
    """As in the moment after a limit was lowered."""
    assert container(tmp_path, memory_max=GIB, memory_current=2 * GIB).free_memory == 0


def test_every_group_around_counts(tmp_path: Path) -> None:
    """A service of systemd without limits in a slice that has them."""
    groups = {
        "app.slice": {"memory.max": 8 * GIB, "memory.current": 7 * GIB, "cpu.max": "300000 100000"},
        "app.slice/videochat.service": {"memory.max": 20 * GIB, "memory.current": GIB, "cpu.max": "max 100000"},
        "other.slice": {"memory.max": GIB, "cpu.max": "100000 100000"},
    }
    one = inside(tmp_path, "0::/app.slice/videochat.service\n", groups)
    assert (one.cores, one.memory, one.free_memory) == (3, 8 * GIB, GIB)


@pytest.mark.parametrize("path", [".", "docker/abc"], ids=["its own group only", "all groups"])
def test_version_1_is_understood(tmp_path: Path, path: str) -> None:
    """In a container that sees its own group where all would be, and where all are; totals have in them what groups inside use."""
    stat = f"inactive_file 1\ntotal_inactive_file {GIB}\nactive_file 1\ntotal_active_file {GIB}"
    memory = {"memory.limit_in_bytes": 6 * GIB, "memory.usage_in_bytes": 5 * GIB, "memory.stat": stat}
    cpu = {"cpu.cfs_quota_us": 250000, "cpu.cfs_period_us": 100000}
    one = inside(tmp_path, V1, {f"memory/{path}": memory, f"cpu/{path}": cpu})
    assert (one.cores, one.memory, one.free_memory) == (3, 6 * GIB, 3 * GIB)


def test_version_1_without_limits_is_the_whole_machine(tmp_path: Path) -> None:
    """It says so with a number that no machine has, and with minus one."""
    memory = {"memory.limit_in_bytes": 2**63 - 4096, "memory.usage_in_bytes": GIB}
    one = inside(tmp_path, V1, {"memory": memory, "cpu": {"cpu.cfs_quota_us": -1, "cpu.cfs_period_us": 100000}})
    assert (one.cores, one.memory, one.free_memory) == (16, 64 * GIB, 40 * GIB)


def test_a_group_outside_of_what_is_seen_is_not_looked_for(tmp_path: Path) -> None:
    """A process that was moved out of its namespace has a path that leads up; what is seen of groups counts still."""
    (tmp_path / "memory.max").write_text(str(GIB), encoding="ascii")
    one = inside(tmp_path, "0::/../elsewhere\n", {".": {"memory.max": 2 * GIB}})
    assert one.memory == 2 * GIB

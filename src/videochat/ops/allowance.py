"""How many cores and how much memory this process may use: those of its machine, or what its container was given of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

# Of what a control group uses, what the kernel takes back before it kills anything, as it counts a machine's available memory.
RECLAIMABLE = ("inactive_file", "active_file", "slab_reclaimable")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the machine has and no control group around this process holds back.

    `groups` is where control groups are mounted, of version 2 or 1, and `membership` names those of this process. Where either is
    missing, the machine alone counts.
    """

    groups: Path = Path("/sys/fs/cgroup")
    membership: Path = Path("/proc/self/cgroup")

    @property
    def cores(self) -> int:
        """Cores that it may keep busy; a part of one counts as one."""
        own = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        return max(1, min([own, *(-(-quota // period) for quota, period in self._quotas())]))

    @property
    def memory(self) -> int:
        """Bytes of memory that there are for it, used or not."""
        return min([psutil.virtual_memory().total, *(limit for _, limit in self._limits())])

    @property
    def free_memory(self) -> int:
        """Bytes of memory that it can still get, before something would be killed."""
        left = (limit - _used(group) for group, limit in self._limits())
        return max(0, min([psutil.virtual_memory().available, *left]))

    def _quotas(self) -> Iterator[tuple[int, int]]:
        """Yield how many microseconds of processor time there are in how many microseconds."""
        for group in self._around("cpu"):
            if (text := _read(group / "cpu.max")) is None:
                text = f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}"
            quota, _, period = text.partition(" ")
            if quota.isdecimal() and period.isdecimal() and int(period):  # "max" and -1 are no quota
                yield int(quota), int(period)

    def _limits(self) -> Iterator[tuple[Path, int]]:
        """Yield the groups whose memory is limited, with their bytes."""
        for group in self._around("memory"):
            limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
            if limit is not None and limit.isdecimal():  # "max" is no limit
                yield group, int(limit)

    def _around(self, controller: str) -> Iterator[Path]:
        """Yield the group of this process and all that it lies in, of which each can hold something back.

        A container often sees only its own group, where all are mounted, under a name that it has outside: the path then leads
        nowhere but its end does.
        """
        for line in (_read(self.membership) or "").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = self.groups / controller if controllers else self.groups
            inside = Path(path).relative_to("/")
            yield from (top / part for part in (inside, *inside.parents) if ".." not in part.parts)


def _used(group: Path) -> int:
    """Return the bytes that a group cannot give back."""
    usage = _read(group / "memory.current") or _read(group / "memory.usage_in_bytes") or "0"
    counts = dict(line.split(" ", 1) for line in (_read(group / "memory.stat") or "").splitlines())
    # In version 1 only the totals have in them what the groups inside use, as the usage does.
    return int(usage) - sum(int(counts.get(f"total_{name}", counts.get(name, 0))) for name in RECLAIMABLE)


def _read(file: Path) -> str | None:
    try:
        return os.fsdecode(file.read_bytes()).strip()
    except OSError:
        return None

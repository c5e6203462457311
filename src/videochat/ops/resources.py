"""What is left of the machine that VideoChat runs on."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from videochat.errors import StorageFullError

MEMORY_OF_ENGINE = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Space:
    """The disk of a folder, whose last `reserve` bytes are left to the databases: they must be able to say what happened.

    The folder need not exist yet.
    """

    folder: Path
    reserve: int

    @property
    def free(self) -> int:
        """Bytes that may still be written; 0 or less when recordings must wait."""
        return shutil.disk_usage(_nearest(self.folder)).free - self.reserve

    @property
    def used(self) -> float:
        """The share of the disk that is in use, 0 to 1."""
        usage = shutil.disk_usage(_nearest(self.folder))
        return usage.used / usage.total

    def check(self, wanted: int = 1) -> None:
        """Raise StorageFullError when so many bytes would eat into the reserve."""
        if self.free < wanted:
            raise StorageFullError


@dataclass(frozen=True, slots=True)
class Resources:
    """What work may use of this machine; `memory_reserve` bytes of its memory are left to everything else."""

    space: Space
    memory_reserve: int

    def shortage(self) -> Literal["space", "memory"] | None:
        """Say what new work would have to wait for."""
        if self.space.free <= 0:
            return "space"
        return "memory" if psutil.virtual_memory().available < self.memory_reserve else None


def engines_at_a_time(cores: int, memory: int) -> int:
    """Return how many engine processes suit a machine with so many cores and bytes of memory.

    Several processes with few threads listen faster than one with many (on two cores 1.7 times as fast), up to four, beyond
    which loading the models costs more than it gains; and each needs about 2 GiB.
    """
    return max(1, min(cores, memory // MEMORY_OF_ENGINE, 4))


def suitable_concurrency() -> int:
    """Return how many engine processes suit this machine."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return engines_at_a_time(cores, psutil.virtual_memory().total)


def _nearest(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder

"""What is left of the machine that VideoChat runs on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from videochat.errors import StorageFullError
from videochat.ops.allowance import Allowance

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
    """What work may use of this machine or container; `memory_reserve` bytes of its memory are left to everything else."""

    space: Space
    memory_reserve: int
    allowance: Allowance = field(default_factory=Allowance)

    def shortage(self) -> Literal["space", "memory"] | None:
        """Say what new work would have to wait for."""
        if self.space.free <= 0:
            return "space"
        return "memory" if self.allowance.free_memory < self.memory_reserve else None


def engines_at_a_time(cores: int, memory: int, *, gpu: bool) -> int:
    """Return how many engine processes suit a machine with so many cores and bytes of memory.

    On processors several processes with few threads listen faster than one with many (on two cores 1.7 times as fast), up to
    four, beyond which loading the models costs more than it gains; and each needs about 2 GiB. A GPU does not gain by several,
    which would each hold the model in its memory: on an H100 forty minutes took 16.7 s with one, 18 to 19 s with two to four.
    """
    return 1 if gpu else max(1, min(cores, memory // MEMORY_OF_ENGINE, 4))


def suitable_concurrency(allowance: Allowance, memory_reserve: int, *, gpu: bool) -> int:
    """Return how many engine processes suit this machine or container, whose GPU is to be used or not.

    The reserve is not theirs: with less than it, windows wait, and the worker itself needs some of it.
    """
    return engines_at_a_time(allowance.cores, allowance.memory - memory_reserve, gpu=gpu)


def _nearest(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder

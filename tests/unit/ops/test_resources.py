"""What a machine has room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from videochat.errors import StorageFullError
from videochat.ops.resources import Resources, Space, engines_at_a_time

GIB = 1024**3


@pytest.mark.parametrize(
    ("cores", "memory", "engines"), [(1, 4, 1), (2, 24, 2), (4, 4, 2), (16, 64, 4), (8, 1, 1), (64, 256, 4)]
)
def test_engines_suit_cores_and_memory(cores: int, memory: int, engines: int) -> None:
    """One for each core up to four, no more than fit into memory, and always one."""
    assert engines_at_a_time(cores, memory * GIB) == engines


def test_the_reserve_does_not_count_as_free(tmp_path: Path) -> None:
    """What is left is the disk's free space without the reserve, also for a folder that does not exist yet."""
    folder = tmp_path / "not" / "yet"
    everything = Space(folder, 0)
    assert everything.free > 0
    everything.check(1)
    with pytest.raises(StorageFullError):
        Space(folder, everything.free * 2).check(1)


def test_shortages_have_names(tmp_path: Path) -> None:
    """Work that must wait is told whether it waits for space or for memory."""
    plenty, none = Space(tmp_path, 0), Space(tmp_path, Space(tmp_path, 0).free * 2)
    assert Resources(plenty, 0).shortage() is None
    assert Resources(plenty, 10**15).shortage() == "memory"
    assert Resources(none, 0).shortage() == "space"

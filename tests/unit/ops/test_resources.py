"""What a machine has room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_groups import GIB, container
from videochat.errors import StorageFullError
from videochat.ops.resources import Resources, Space, engines_at_a_time, suitable_concurrency


@pytest.mark.parametrize(
    ("cores", "memory", "engines"), [(1, 4, 1), (2, 24, 2), (4, 4, 2), (16, 64, 4), (8, 1, 1), (64, 256, 4)]
)
def test_engines_suit_cores_and_memory(cores: int, memory: int, engines: int) -> None:
    """One for each core up to four, no more than fit into memory, and always one."""
    assert engines_at_a_time(cores, memory * GIB, gpu=False) == engines


def test_a_gpu_gets_one_engine() -> None:
    """Several would only share its time, and each hold a model in its memory."""
    assert engines_at_a_time(64, 512 * GIB, gpu=True) == 1


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


@pytest.mark.usefixtures("machine")
def test_a_container_gets_the_engines_that_it_has_room_for(tmp_path: Path) -> None:
    """Its own cores and memory count, not its machine's, and the reserve is left to the worker itself."""
    assert suitable_concurrency(container(tmp_path / "a", memory_max=6 * GIB), GIB // 2, gpu=False) == 2
    assert suitable_concurrency(container(tmp_path / "b", memory_max=6 * GIB), 0, gpu=False) == 3
    assert suitable_concurrency(container(tmp_path / "c", cpu_max="200000 100000"), 0, gpu=False) == 2
    assert suitable_concurrency(container(tmp_path / "d"), GIB, gpu=False) == 4


@pytest.mark.usefixtures("machine")
def test_the_memory_of_a_container_can_be_short(tmp_path: Path) -> None:
    """Windows wait when the container has too little left, however much its machine has."""
    space, allowance = Space(tmp_path, 0), container(tmp_path, memory_max=6 * GIB, memory_current=5 * GIB)
    assert Resources(space, GIB, allowance).shortage() is None
    assert Resources(space, GIB + 1, allowance).shortage() == "memory"

"""What the metrics say of a machine and a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_groups import GIB, container
from videochat.ops.metrics import Metrics
from videochat.ops.monitor import Monitor, ProcessName
from videochat.ops.resources import Space


@pytest.mark.usefixtures("machine")
async def test_the_memory_of_a_container_is_its_own(tmp_path: Path) -> None:
    """A container that has used three quarters of its memory says so, although its machine is far from full."""
    metrics = Metrics()
    allowance = container(tmp_path, memory_max=8 * GIB, memory_current=6 * GIB)
    Monitor(ProcessName("worker", "pod", 1), Space(tmp_path, 0), metrics, allowance).look()
    labels = {"host": "pod", "resource": "memory"}
    assert metrics.registry.get_sample_value("videochat_machine", labels) == 0.75

"""A machine that is always the same."""

from __future__ import annotations

import os
from types import SimpleNamespace

import psutil
import pytest

from control_groups import GIB


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a machine with 16 cores and 64 GiB, of which 40 are free."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)), raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=64 * GIB, available=40 * GIB))

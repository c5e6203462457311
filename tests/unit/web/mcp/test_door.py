"""What the door loads, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

from videochat.errors import NotInstalledError
from videochat.web.mcp import door

LOADED = "import sys, videochat.__main__, videochat.cli.main; print({'mcp', 'mcp_types'} & sys.modules.keys())"


def test_nobody_waits_for_the_library_who_does_not_need_it() -> None:
    """Neither commands nor `serve` load it when they start: it takes longer than they do."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


def test_only_the_extra_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it there is advice; a fault in our own code is not blamed on it."""
    monkeypatch.delitem(sys.modules, door.ADAPTER, raising=False)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'videochat\[mcp\]'"):
        door.adapter()
    monkeypatch.setattr(door, "ADAPTER", "videochat.web.mcp.none_such")
    with pytest.raises(ModuleNotFoundError, match="none_such"):
        door.adapter()

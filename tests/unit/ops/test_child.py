"""What child processes inherit, and what they say at their end."""

from __future__ import annotations

import json

import pytest

from videochat.ops.child import harmless
from videochat.ops.serving import say_crash


def test_a_child_that_reads_hostile_files_inherits_no_key() -> None:
    """Neither our settings nor anything that sounds like a key of somebody else's reaches it; the rest does."""
    environment = {
        "PATH": "/bin", "LANG": "C", "DATABASE__URL": "postgresql://me:pw@db", "AI__API_KEY": "x", "SECRET_KEY": "x",
        "AWS_SECRET_ACCESS_KEY": "x", "AWS_ACCESS_KEY_ID": "x", "HF_TOKEN": "x", "PGPASSWORD": "x",
    }  # fmt: skip
    assert harmless(environment) == {"PATH": "/bin", "LANG": "C"}


def test_a_crash_is_said_without_links(capsys: pytest.CaptureFixture[str]) -> None:
    """What ended a child is one line of JSON; the link that it worked on, which may hold a secret, is not in it."""
    say_crash("r1", ValueError("https://example.org/talk?signature=planted\nwas not understood"))
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["request_id"], said["event"], said["level"]) == ("r1", "child.crashed", "error")
    assert said["exception"] == "ValueError: …\nwas not understood\n"

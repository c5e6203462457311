"""What child processes inherit."""

from __future__ import annotations

from videochat.ops.child import harmless


def test_a_child_that_reads_hostile_files_inherits_no_key() -> None:
    """Neither our settings nor anything that sounds like a key of somebody else's reaches it; the rest does."""
    environment = {
        "PATH": "/bin", "LANG": "C", "DATABASE__URL": "postgresql://me:pw@db", "AI__API_KEY": "x", "SECRET_KEY": "x",
        "AWS_SECRET_ACCESS_KEY": "x", "AWS_ACCESS_KEY_ID": "x", "HF_TOKEN": "x", "PGPASSWORD": "x",
    }  # fmt: skip
    assert harmless(environment) == {"PATH": "/bin", "LANG": "C"}

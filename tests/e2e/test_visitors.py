"""The people of the soak, sent to a real service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import soak
from harness.cluster import running_cluster
from harness.visitors import PASSWORD, Visitors


def test_visitors_do_everything_and_say_what_went_wrong(tmp_path: Path) -> None:
    """One visit asks for all that it should without an error and leaves nothing; one that cannot sign in tells so."""
    with running_cluster("sqlite", tmp_path / "cluster", 1, soak.SETTINGS) as cluster:
        visitors = Visitors([cluster.web.url], "ann")
        key = asyncio.run(soak._administrator(cluster, visitors.user))
        visitors.come(1, 60.0, 1.0)
        assert (visitors.begun, visitors.requests.total(), visitors.errors) == (1, 13, {})
        assert not any(soak._left(cluster, key).values())
        with soak._looker(cluster, key) as client:  # whoever does not sign out would be seen
            signing_in = {"name": visitors.user, "password": PASSWORD}
            client.post("/api/session", json=signing_in, headers={"Origin": cluster.web.url}).raise_for_status()
            assert {name: n for name, n in soak._rows(cluster, client).items() if n} == {"sessions": 1}
        strangers = Visitors([cluster.web.url], f"not {PASSWORD}")
        strangers.come(1, 60.0, 1.0)
    assert strangers.begun == 1
    assert any("VISIT" in error for error in strangers.errors)
    assert any("401" in error for error in strangers.errors)

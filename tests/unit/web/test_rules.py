"""Which permission each address asks for."""

from __future__ import annotations

import pytest

from surface import ROUTES
from videochat.web.rules import rule_for

FOR_EVERYBODY = {
    "/health/live",
    "/health/ready",
    "/api/session",
    "/api/session/link",
    "/api/session/oidc",
    "/api/session/oidc/callback",
}
ASKING = {"POST /api/answers", "POST /api/answers/{answer_id}/cancel", "DELETE /api/conversations/{conversation_id}"}
OPERATE = ("/api/ops", "/api/users", "/metrics")


def test_every_route_asks_for_a_permission_by_intent() -> None:
    """Reading takes read, questions ask, operating the service operate, and everything else that changes something write."""
    for name in ROUTES:
        method, path = name.split(" ")
        found = rule_for(method, path.replace("{", "").replace("}", "")).permission
        if path in FOR_EVERYBODY:
            assert found is None, name
        elif name in ASKING:
            assert found == "ask", name
        elif path.startswith(OPERATE):
            assert found == "operate", name
        elif path.startswith("/api/account"):
            assert found == "read", name
        else:
            assert found == ("read" if method == "GET" else "write"), name


@pytest.mark.parametrize("path", ["/api/later", "/v1/audio/transcriptions", "/mcp", "/api/ops/later"])
def test_what_comes_later_is_guarded_before_anybody_thinks_of_it(path: str) -> None:
    """A new address for programs is open to nobody who has not said who they are, whatever the method."""
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW", "TRACE"):
        assert rule_for(method, path).permission is not None


def test_the_page_is_for_everybody() -> None:
    """Its files hold nothing of anybody, and who is to sign in must see it."""
    for path in ("/", "/media/med_1", "/assets/index.js", "/favicon.svg", "/account", "/shared"):
        assert rule_for("GET", path).permission is None


def test_a_key_makes_no_keys() -> None:
    """What changes an account takes a person."""
    for method, path in (("POST", "/api/account/keys"), ("PUT", "/api/account/password"), ("DELETE", "/api/account")):
        assert rule_for(method, path).by_person
    assert not rule_for("GET", "/api/account/keys").by_person

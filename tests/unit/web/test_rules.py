"""Which permission each address asks for."""

from __future__ import annotations

import pytest

from surface import ROUTES
from videochat.web.mcp.tools import TOOLS
from videochat.web.rules import Rule, rule_for

FOR_EVERYBODY = {
    "/health/live",
    "/health/ready",
    "/api/session",
    "/api/session/link",
    "/api/session/oidc",
    "/api/session/oidc/callback",
}
ASKING = {
    "POST /api/answers",
    "POST /api/answers/{answer_id}/cancel",
    "DELETE /api/conversations/{conversation_id}",
    "POST /v1/chat/completions",
}
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


def test_the_tools_of_assistants_read_unless_they_say_otherwise() -> None:
    """Who may read may come in by that door; asking there takes what asking anywhere takes, and counts with it."""
    assert rule_for("POST", "/mcp") == Rule("read", "read", own_bound=True)
    assert {name: (tool.rule.permission, tool.rule.rate) for name, tool in TOOLS.items() if tool.stores} == {
        "ask": ("ask", "ask")
    }
    assert {tool.rule.permission for tool in TOOLS.values() if not tool.stores} == {"read"}


def test_openai_s_clients_pay_as_all_others() -> None:
    """A recording is an upload and a chat a question, however it comes; what is uploaded stands in the book."""
    upload, chat = rule_for("POST", "/v1/audio/transcriptions"), rule_for("POST", "/v1/chat/completions")
    assert (upload.rate, upload.audited) == ("upload", True)
    assert (chat.rate, chat.audited) == ("ask", rule_for("POST", "/api/answers").audited)


def test_only_recordings_and_what_counts_by_itself_come_in_any_size() -> None:
    """All other routes read their bodies whole into memory, so they are held to the common limit."""
    free = {name for name in ROUTES if rule_for(*name.split(" ")).own_bound}
    assert free == {"POST /api/media", "POST /v1/audio/transcriptions", "POST /v1/audio/translations"}
    assert rule_for("POST", "/mcp").own_bound  # its library counts, and OpenAPI knows nothing of it


def test_who_comes_back_from_a_provider_enters() -> None:
    """By that door accounts are made, as by the others: it is counted by address and stands in the book."""
    assert rule_for("GET", "/api/session/oidc/callback") == rule_for("POST", "/api/session")
    assert not rule_for("GET", "/api/session/oidc").audited


def test_the_page_is_for_everybody() -> None:
    """Its files hold nothing of anybody, and who is to sign in must see it."""
    for path in ("/", "/media/med_1", "/assets/index.js", "/favicon.svg", "/account", "/shared"):
        assert rule_for("GET", path).permission is None


def test_a_key_makes_no_keys() -> None:
    """What changes an account takes a person."""
    for method, path in (("POST", "/api/account/keys"), ("PUT", "/api/account/password"), ("DELETE", "/api/account")):
        assert rule_for(method, path).by_person
    assert not rule_for("GET", "/api/account/keys").by_person

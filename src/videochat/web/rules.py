"""What each address asks of who comes: the one table of permissions and rates. The first line that fits counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from videochat.ops.actor import Permission

Rate = Literal["read", "write", "ask", "upload", "enter"]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Rule:
    """`permission` None is for everybody. `by_person`: not with an API key, which must not make keys or change passwords.

    `own_bound`: the route reads the body as it comes, and knows itself when it is too large.
    """

    permission: Permission | None
    rate: Rate
    audited: bool = False
    by_person: bool = False
    own_bound: bool = False


ANY = "GET POST PUT PATCH DELETE"
LINES: tuple[tuple[str, str, Rule], ...] = (
    ("POST", r"/api/session(/.*)?", Rule(None, "enter", audited=True)),
    ("GET", r"/api/session/oidc/callback", Rule(None, "enter", audited=True)),  # makes accounts and opens sessions
    (ANY, r"/api/session(/.*)?", Rule(None, "read")),
    ("GET", r"/api/account/export", Rule("read", "read", audited=True)),
    ("GET", r"/api/account(/.*)?", Rule("read", "read")),
    (ANY, r"/api/account(/.*)?", Rule("read", "write", audited=True, by_person=True)),
    ("GET", r"/api/(ops|users)(/.*)?", Rule("operate", "read")),
    (ANY, r"/api/(ops|users)(/.*)?", Rule("operate", "write", audited=True)),
    ("GET", r"/api/(answers|conversations)(/.*)?", Rule("read", "read")),
    ("POST", r"/api/answers", Rule("ask", "ask")),
    (ANY, r"/api/(answers|conversations)/.*", Rule("ask", "write")),
    ("POST", r"/api/media", Rule("write", "upload", audited=True, own_bound=True)),
    ("POST", r"/api/media/import", Rule("write", "upload", audited=True)),
    ("POST", r"/mcp", Rule("read", "read", own_bound=True)),  # its tools read; one that does more asks for that itself
    ("POST", r"/v1/audio/(transcriptions|translations)", Rule("write", "upload", audited=True, own_bound=True)),
    ("POST", r"/v1/chat/completions", Rule("ask", "ask")),
    ("GET", r"/(api|v1|mcp)(/.*)?", Rule("read", "read")),
    (ANY, r"/(api|v1|mcp)(/.*)?", Rule("write", "write", audited=True)),
    ("GET", r"/metrics", Rule("operate", "read")),
)
_COMPILED = [(frozenset(methods.split()), re.compile(path), rule) for methods, path, rule in LINES]
OPEN = Rule(None, "read")


def rule_for(method: str, path: str) -> Rule:
    """Return what this asks for; the page, health and what is not there are open to everybody."""
    method = "GET" if method in SAFE_METHODS else method
    return next(
        (rule for methods, line, rule in _COMPILED if method in methods and line.fullmatch(path)), _strict(path)
    )


def _strict(path: str) -> Rule:
    """Return the rule of methods that no line knows: nobody but administrators, where programs go."""
    return Rule("operate", "write") if path.startswith(("/api", "/v1", "/mcp", "/metrics")) else OPEN

"""A tool, and who calls it: what the four tools and the protocol have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from videochat.app import App
from videochat.errors import InvalidError
from videochat.ops.actor import Actor
from videochat.web.bodies import Body
from videochat.web.rules import Rule, rule_for

Result = dict[str, Any]
"""JSON that goes to the client, bounded."""

READING = rule_for("POST", "/mcp")
ASKING = rule_for("POST", "/api/answers")
CUT = " …"


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a tool works. `tell` says how it is going: seconds since it began, and a sentence."""

    app: App
    actor: Actor
    tell: Callable[[float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Tool:
    """What a client may call. `rule` is what it asks of who calls it, `stores` whether it leaves something behind."""

    name: str
    title: str
    description: str
    wanted: type[Body]
    run: Callable[[Caller, Any], Awaitable[Result]]
    rule: Rule = READING
    stores: bool = False

    def understood(self, arguments: dict[str, Any]) -> Body:
        """Return the arguments as `run` takes them. Raises InvalidError."""
        try:
            return self.wanted.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidError(f"{where}: {first['msg']}" if where else first["msg"]) from None


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters; what was cut ends with an ellipsis."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT

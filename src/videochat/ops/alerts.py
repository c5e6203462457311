"""Rules, and what becomes of them: a rule that holds long enough fires, and is resolved when it has not held for a while."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from videochat.errors import ConfigurationError, InvalidError
from videochat.ops.expressions import UNITS, Comparison, Points, parse

COOL_DOWN = timedelta(minutes=1)  # in which what does not hold any more may hold again without a new alert
Severity = Literal["info", "warning", "critical"]
Status = Literal["ok", "pending", "firing"]
Change = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for how long (`hold`) to be worth an alert, and who is told of it."""

    name: str
    expression: str
    hold: timedelta
    severity: Severity
    message: str
    compared: Comparison
    notify: frozenset[str] | None = None  # tags of those who are told, None: everybody


@dataclass(frozen=True, slots=True)
class Alert:
    """How it is with a rule: since when, when it held last, and the value that was measured last."""

    rule: str
    status: Status
    since: datetime
    held_at: datetime | None = None
    value: float | None = None
    silenced_until: datetime | None = None
    acknowledged_by: str | None = None

    def next(self, rule: Rule, points: Points, now: datetime) -> tuple[Alert, Change | None]:
        """Return how it is now, and what has changed that people should know."""
        holds = rule.compared.holds(points)
        alert = replace(self, value=rule.compared.measured(points), held_at=now if holds else self.held_at)
        if holds and self.status == "ok":
            alert = replace(alert, status="pending", since=now)
        if holds and alert.status == "pending" and now - alert.since >= rule.hold:
            return replace(alert, status="firing", since=now), "firing"
        if holds or self.status == "ok":
            return alert, None
        if self.status == "pending":
            return replace(alert, status="ok", since=now), None
        if now - (self.held_at or self.since) < COOL_DOWN:
            return alert, None
        return replace(alert, status="ok", since=now, acknowledged_by=None), "resolved"


class _RuleIn(BaseModel):
    """A rule as a file has it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")
    expression: str = ""
    hold: str = Field("0s", alias="for", pattern=r"^\d{1,6}[smh]$")
    severity: Severity = "warning"
    message: str = Field("", max_length=500)
    notify: frozenset[str] | None = None
    enabled: bool = True

    def rule(self) -> Rule:
        hold = timedelta(seconds=int(self.hold[:-1]) * UNITS[self.hold[-1]])
        compared = parse(self.expression)
        return Rule(self.name, self.expression, hold, self.severity, self.message, compared, self.notify)


def load_rules(own: Path | None) -> Mapping[str, Rule]:
    """Return the rules by their names: ours, and those of the file. Raises ConfigurationError that says what is wrong."""
    texts = [("the default rules", files("videochat.ops").joinpath("rules.toml").read_text(encoding="utf-8"))]
    if own is not None:
        try:
            texts.append((str(own), own.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:  # also: no UTF-8, or no name that a file can have
            raise ConfigurationError(f"ALERTS__RULES: {own} cannot be read.") from error
    rules: dict[str, Rule] = {}
    for place, text in texts:
        for read in _read(place, text):
            rules.pop(read.name, None)
            if read.enabled:
                rules[read.name] = read.rule()
    return rules


def _read(place: str, text: str) -> Iterator[_RuleIn]:
    try:
        document = tomllib.loads(text)
        if unknown := document.keys() - {"rule"}:
            raise ConfigurationError(f"{place}: there is no {min(unknown)}, only [[rule]].")
        for rule in document.get("rule", []):
            read = _RuleIn.model_validate(rule)
            if read.enabled:
                read.rule()
            yield read
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{place}: {error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigurationError(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    except InvalidError as error:
        raise ConfigurationError(f"{place}: {error.message}") from error


def prometheus_rules(rules: Sequence[Rule]) -> str:
    """Return the same rules as a rule file of Prometheus (JSON, which is YAML too)."""
    alerts: list[dict[str, Any]] = [
        {
            "alert": rule.name,
            "expr": rule.compared.promql(),
            "for": f"{int(rule.hold.total_seconds())}s",
            "labels": {"severity": rule.severity},
            "annotations": {"summary": rule.message},
        }
        for rule in rules
    ]
    return json.dumps({"groups": [{"name": "videochat", "rules": alerts}]}, indent=2, ensure_ascii=False) + "\n"

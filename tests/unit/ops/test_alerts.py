"""Rules, and when they become alerts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from videochat.errors import ConfigurationError
from videochat.ops.alerts import COOL_DOWN, Alert, Rule, load_rules, prometheus_rules
from videochat.ops.expressions import parse

START = datetime(2026, 1, 1, tzinfo=UTC)
FULL = "last(machines.disk) > 0.9"


def rule(hold: float = 60) -> Rule:
    return Rule("Full", FULL, timedelta(seconds=hold), "critical", "Full.", parse(FULL))


def course(one: Rule, *shares: float, step: float = 30) -> list[tuple[str, str | None]]:
    """Return status and change after each judgement, `step` seconds apart."""
    alert, found = Alert(one.name, "ok", START), []
    for n, share in enumerate(shares):
        point: dict[str, Any] = {"machines": {"a": {"disk": share}}}
        alert, change = alert.next(one, [(n, point)], START + timedelta(seconds=n * step))
        found.append((alert.status, change))
    return found


def test_what_holds_long_enough_fires_once() -> None:
    """Not before its time, and never twice while it goes on."""
    assert course(rule(), 0.95, 0.95, 0.95, 0.95) == [
        ("pending", None), ("pending", None), ("firing", "firing"), ("firing", None),
    ]  # fmt: skip
    assert course(rule(hold=0), 0.95, 0.95) == [("firing", "firing"), ("firing", None)]


def test_what_passes_soon_is_no_alert() -> None:
    """A peak that is over before its time begins anew."""
    assert course(rule(), 0.95, 0.5, 0.95, 0.95) == [
        ("pending", None),
        ("ok", None),
        ("pending", None),
        ("pending", None),
    ]


def test_what_comes_and_goes_is_one_alert() -> None:
    """It is resolved only when it has not held for the whole time of cooling down."""
    assert timedelta(seconds=60) == COOL_DOWN
    assert course(rule(0), 0.95, 0.5, 0.95, 0.5, 0.5, 0.5) == [
        ("firing", "firing"), ("firing", None), ("firing", None), ("firing", None), ("ok", "resolved"), ("ok", None),
    ]  # fmt: skip


def test_what_people_said_stays_until_it_is_over() -> None:
    """An acknowledgement is of this alert, not of the next one."""
    firing = Alert("Full", "firing", START, held_at=START, acknowledged_by="me", silenced_until=START)
    resolved, _ = firing.next(rule(), [(1, {"machines": {"a": {"disk": 0.1}}})], START + timedelta(hours=1))
    assert (resolved.status, resolved.acknowledged_by, resolved.silenced_until) == ("ok", None, START)


def test_the_default_rules_can_be_read_and_evaluated() -> None:
    """Every one of them has a message, and says something of an installation that has done nothing yet."""
    rules = load_rules(None)
    assert len(rules) >= 8
    for one in rules.values():
        assert one.message
        assert one.compared.holds([]) is False


def test_a_file_of_ones_own_adds_changes_and_leaves_out(tmp_path: Path) -> None:
    """Rules of the same name are replaced, and one that is not enabled is gone."""
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\nname = "NoWorker"\nenabled = false\n'
        '[[rule]]\nname = "SlowAnswers"\nexpression = "quantile(0.5, latency[1m]) > 9"\nfor = "1h"\n'
        '[[rule]]\nname = "Mine"\nexpression = "rate(audio[5m]) < 1"\nseverity = "info"\n'
    )
    rules = load_rules(tmp_path / "rules.toml")
    assert "NoWorker" not in rules
    assert rules["SlowAnswers"].hold == timedelta(hours=1)
    assert rules["Mine"].severity == "info"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[rule]]\nname = "A b"\nexpression = "last(workers) < 1"', "name"),
        ('[[rule]]\nname = "A"\nexpression = "last(workerz) < 1"', "workerz"),
        ('[[rule]]\nname = "A"\nexpression = "last(workers) < 1"\nfor = "soon"', "for"),
        ('[[rule]]\nname = "A"\nexpression = "last(workers) < 1"\nseverity = "bad"', "severity"),
        ('[[rules]]\nname = "A"', "rules"),
        ("[[rule", "rules.toml"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    """With the place; nothing of it is taken."""
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_rules(tmp_path / "rules.toml")
    with pytest.raises(ConfigurationError, match="ALERTS__RULES"):
        load_rules(tmp_path / "missing.toml")


def test_prometheus_gets_the_same_rules() -> None:
    """Each with its expression in PromQL, its time, its severity and its message."""
    rules = [*load_rules(None).values()]
    group = json.loads(prometheus_rules(rules))["groups"][0]
    assert [one["alert"] for one in group["rules"]] == [one.name for one in rules]
    assert [one["expr"] for one in group["rules"]] == [one.compared.promql() for one in rules]

"""What is said of alerts, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from fake_notifier import FakeNotifier, destination
from videochat.ops.alerts import Alert, Rule
from videochat.ops.expressions import parse
from videochat.ops.notices import Told, deliver, due, notice_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COOL_DOWN = timedelta(minutes=10)
FIRING = Alert("Full", "firing", NOW)
CALM = Alert("Full", "ok", NOW)
RULE = Rule("Full", "last(machines.disk) > 0.9", timedelta(0), "critical", "Full.", parse("last(machines.disk) > 0.9"))


def told(what: str, state: str = "told", minutes: float = 60) -> Told:
    return Told(what, state, NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("alert", "before", "said"),
    [
        (CALM, None, None),
        (FIRING, None, "firing"),
        (FIRING, told("firing"), None),
        (CALM, told("firing"), "resolved"),
        (CALM, told("firing", minutes=0), "resolved"),
        (CALM, told("resolved"), None),
        (FIRING, told("resolved"), "firing"),
        (FIRING, told("resolved", minutes=9), None),
        (Alert("Full", "pending", NOW), told("firing"), None),
    ],
)
def test_whoever_heard_something_else_is_told(alert: Alert, before: Told | None, said: str | None) -> None:
    """Once when it fires and once when it is over; what comes and goes waits for the time to cool down."""
    assert due(alert, before, COOL_DOWN, NOW) == said


@pytest.mark.parametrize(
    "muted",
    [
        Alert("Full", "firing", NOW, acknowledged_by="me"),
        Alert("Full", "firing", NOW, silenced_until=NOW + timedelta(seconds=1)),
    ],
)
def test_nobody_is_told_of_what_is_silenced_or_taken_care_of(muted: Alert) -> None:
    """When the silence is over and it still fires, they are."""
    assert due(muted, None, COOL_DOWN, NOW) is None
    assert due(Alert("Full", "firing", NOW, silenced_until=NOW), None, COOL_DOWN, NOW) == "firing"


@pytest.mark.parametrize(
    ("alert", "before", "said"),
    [
        (FIRING, told("firing", "sending"), None),
        (CALM, told("firing", "sending"), None),
        (FIRING, told("firing", "untold", 9), None),
        (FIRING, told("firing", "untold", 10), "firing"),
        (CALM, told("firing", "untold"), None),
        (CALM, told("resolved", "untold", 9), None),
        (CALM, told("resolved", "untold", 10), "resolved"),
    ],
)
def test_what_did_not_arrive_is_said_again_later(alert: Alert, before: Told, said: str | None) -> None:
    """Not while it is on its way, and not in a hurry; who never heard of it does not hear that it is over."""
    assert due(alert, before, COOL_DOWN, NOW) == said


def test_people_read_what_is_the_matter() -> None:
    """The rule, what it means, and the value; a resolved alert says so."""
    notice = notice_of(RULE, "firing", 0.95123)
    assert (notice.title, notice.mood) == ("Critical: Full", "failure")
    assert "Full.\nlast(machines.disk) > 0.9 (now 0.9512)" in notice.body
    assert notice_of(RULE, "resolved", None).title == "Resolved: Full"
    assert notice_of(RULE, "resolved", None).mood == "success"


@pytest.mark.parametrize(
    ("failures", "tries", "reason"),
    [((), 1, None), (("a", "b"), 3, None), (("a", "b", "c"), 3, "c")],
)
async def test_it_is_tried_so_often(failures: Sequence[str], tries: int, reason: str | None) -> None:
    """Until it arrives, at most once more than there are pauses; the last reason counts."""
    notifier = FakeNotifier(failures)
    assert await deliver(destination(notifier), notice_of(RULE, "firing", 1.0), pauses=(0, 0)) == reason
    assert notifier.tries == tries


async def test_a_try_is_given_up_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that never answers is a failure with a reason."""
    monkeypatch.setattr("videochat.ops.notices.SEND_SECONDS", 0.01)

    class Silent(FakeNotifier):
        async def send(self, notice: object) -> None:
            await asyncio.Event().wait()

    assert "no answer" in (await deliver(destination(Silent()), notice_of(RULE, "firing", 1.0), pauses=()) or "")

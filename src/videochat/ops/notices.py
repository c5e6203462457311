"""What is said of alerts, when, and how it gets to a destination."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from videochat.errors import NotificationError
from videochat.ops.alerts import Alert, Change, Rule, Severity
from videochat.ops.notifier import Destination, Mood, Notice

SEND_SECONDS = 20.0  # one try
PAUSES = (2.0, 8.0, 32.0)  # between the tries
MOODS: Mapping[Severity, Mood] = {"info": "info", "warning": "warning", "critical": "failure"}

State = Literal["sending", "told", "untold"]


@dataclass(frozen=True, slots=True)
class Told:
    """The last thing that a destination was told of an alert, or should have been, and when."""

    what: Change
    state: State
    at: datetime

    @property
    def heard(self) -> Change:
        """What they know: of a message that did not get there the opposite is what they heard before."""
        other: Change = "resolved" if self.what == "firing" else "firing"
        return other if self.state == "untold" else self.what


def due(alert: Alert, told: Told | None, cool_down: timedelta, now: datetime) -> Change | None:
    """Return what a destination should be told of the alert now.

    Whoever heard something else than how it is will be told; not while the alert is silenced or acknowledged, and not at once
    when it has just been told something: what comes and goes, and what cannot be delivered, must not flood anybody.
    """
    muted = alert.acknowledged_by is not None or (alert.silenced_until is not None and alert.silenced_until > now)
    wanted: Change = "firing" if alert.status == "firing" else "resolved"
    if muted or alert.status == "pending" or wanted == (told.heard if told else "resolved"):
        return None
    if told is None:
        return wanted
    if told.state == "sending":
        return None
    hurried = wanted == "resolved" and told.state == "told"
    return wanted if hurried or now - told.at >= cool_down else None


def notice_of(rule: Rule, what: Change, value: float | None) -> Notice:
    """Return what people read."""
    measured = "" if value is None else f" (now {value:.4g})"
    body = f"{rule.message}\n{rule.expression}{measured}\nVideoChat on {socket.gethostname()}".strip()
    if what == "resolved":
        return Notice(f"Resolved: {rule.name}", body, "success")
    return Notice(f"{rule.severity.capitalize()}: {rule.name}", body, MOODS[rule.severity])


def trial_notice() -> Notice:
    return Notice(
        "Test: alerts arrive here", f"This is a test. Nothing is wrong.\nVideoChat on {socket.gethostname()}", "info"
    )


async def send(destination: Destination, notice: Notice) -> str | None:
    """Try once and return why it failed, if it did."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await destination.notifier.send(notice)
    except TimeoutError:
        return f"There was no answer within {SEND_SECONDS:g} s."
    except NotificationError as error:
        return error.message
    return None


async def deliver(destination: Destination, notice: Notice, pauses: Sequence[float] = PAUSES) -> str | None:
    """Try until it is delivered, with these pauses, and return why it failed in the end, if it did."""
    failure = await send(destination, notice)
    for pause in pauses:
        if failure is None:
            break
        await asyncio.sleep(pause)
        failure = await send(destination, notice)
    return failure

"""Alerts: the rules, how it is with them, and what people say of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response

from videochat.app import App
from videochat.ops.alerts import Alert, Rule, prometheus_rules
from videochat.store.alarms import AlertEvent
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.ops_bodies import AlertOut, AlertsOut, NotificationsOut, SilenceIn

RULE_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A rule file.", "content": {"application/yaml": {"schema": {"type": "object"}}}}
}

router = APIRouter(tags=["ops"], prefix="/api/ops/alerts")


@router.get("", response_model=AlertsOut)
async def list_alerts(app: TheApp) -> dict[str, object]:
    """Return every rule with how it is, and what happened last."""
    known = await app.alarms.alerts()
    items = [_described(rule, known.get(rule.name)) for rule in app.alarms.rules().values()]
    destinations = [*app.messenger.destinations]
    return {
        "items": items,
        "destinations": destinations,
        "history": [_happened(event) for event in await app.alarms.history()],
    }


@router.get("/rules.yaml", response_class=Response, responses=RULE_FILE)
async def rules(app: TheApp) -> Response:
    """Return the same rules for Prometheus."""
    return Response(prometheus_rules([*app.alarms.rules().values()]), media_type="application/yaml")


@router.post("/test", response_model=NotificationsOut)
async def test(app: TheApp) -> dict[str, object]:
    """Send a test message to every destination, once, and say which got it."""
    outcomes = await app.messenger.test()
    return {
        "items": [
            {"destination": one.name, "tags": sorted(one.tags), "sent": failure is None, "reason": failure}
            for one, failure in outcomes
        ]
    }


@router.post("/{name}/silence", response_model=AlertOut)
async def silence(app: TheApp, actor: TheActor, name: str, wanted: SilenceIn) -> dict[str, object]:
    """Tell nobody of this alert for some time."""
    now = datetime.now(UTC)
    await app.alarms.silence(actor, name, now + timedelta(minutes=wanted.minutes), now)
    return await _now(app, name)


@router.post("/{name}/acknowledge", response_model=AlertOut)
async def acknowledge(app: TheApp, actor: TheActor, name: str) -> dict[str, object]:
    """Note that somebody takes care of it."""
    await app.alarms.acknowledge(actor, name, datetime.now(UTC))
    return await _now(app, name)


async def _now(app: App, name: str) -> dict[str, object]:
    return _described(app.alarms.rules()[name], (await app.alarms.alerts()).get(name))


def _described(rule: Rule, alert: Alert | None) -> dict[str, object]:
    return {
        "name": rule.name,
        "severity": rule.severity,
        "message": rule.message,
        "expression": rule.expression,
        "notify": None if rule.notify is None else sorted(rule.notify),
        "status": alert.status if alert else "ok",
        "since": alert.since.isoformat() if alert else None,
        "value": alert.value if alert else None,
        "silenced_until": alert.silenced_until.isoformat() if alert and alert.silenced_until else None,
        "acknowledged_by": alert.acknowledged_by if alert else None,
    }


def _happened(event: AlertEvent) -> dict[str, object]:
    return {**asdict(event), "at": event.at.isoformat()}

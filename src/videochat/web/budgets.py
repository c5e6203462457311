"""Whose budgets a request uses: those of an address, of an account, or of a key and of all keys of its account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from videochat.access.identity import Identity
from videochat.app import App
from videochat.errors import TooManyError
from videochat.web.limits import Rates, Window
from videochat.web.rules import Rule

KEYS_TOGETHER = 5  # times what a key may: else who makes many keys has as many budgets


@dataclass(frozen=True, slots=True)
class Budget:
    """What somebody may use: as much as the settings say, or some times that."""

    who: str
    times: int = 1


def budgets_of(identity: Identity, mode: Literal["none", "keys", "users", "oidc"]) -> tuple[Budget, ...]:
    """Return the budgets that must all have room for what this one does.

    A key has a budget of its own, so that a busy program keeps neither other programs out nor its owner. Where there are
    no accounts all keys are made by who runs the service, so nothing bounds them together.
    """
    if identity.kind != "key":
        return (Budget(identity.actor.id),)
    own = Budget(identity.credential)
    return (own,) if mode == "keys" else (own, Budget(f"keys:{identity.actor.id}", KEYS_TOGETHER))


async def count(service: App, rates: Rates, rule: Rule, identity: Identity | None, address: str) -> Window | None:
    """Count this and return how many more there may be, by the budget that is nearest to its end.

    Without accounts it is None: nobody counts. Who has not said who they are counts by address, as does who tries to.
    """
    settings = service.settings
    if settings.auth.mode == "none":
        return None
    rate, windows = getattr(settings.limits, rule.rate), list[Window]()
    known = None if rule.rate == "enter" else identity
    for budget in (Budget(address),) if known is None else budgets_of(known, settings.auth.mode):
        windows.append(await rates.hit(rate, rule.rate, budget.who, times=budget.times))
        if not windows[-1].allowed:
            return windows[-1]
    return min(windows, key=lambda window: window.remaining)


def require_room(service: App, rule: Rule, window: Window | None) -> None:
    """Raise TooManyError when this was counted once too often."""
    if window is not None and not window.allowed:
        rate = getattr(service.settings.limits, rule.rate)
        raise TooManyError(f"More than {rate} (LIMITS__{rule.rate.upper()}).", retry_after=window.reset)

"""Quotas of an installation without limits, for services that tests build themselves."""

from __future__ import annotations

from videochat.access.quotas import Quotas
from videochat.store.session import Database


def unlimited(database: Database) -> Quotas:
    return Quotas(database, lambda: None)

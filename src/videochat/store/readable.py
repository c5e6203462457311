"""Which media somebody may read: the one place that says so, for every query of every stage."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select

from videochat.ops.actor import Actor
from videochat.store.access_tables import GrantRow
from videochat.store.tables import MediaRow


def readable(actor: Actor) -> ColumnElement[bool]:
    """Return the condition on MediaRow: one's own, what its owner grants, and what a link lends."""
    granted = MediaRow.id.in_(select(GrantRow.media_id).where(GrantRow.user_id == actor.id))
    if actor.lent:
        return or_(MediaRow.owner == actor.id, granted, MediaRow.id.in_(actor.lent))
    return or_(MediaRow.owner == actor.id, granted)

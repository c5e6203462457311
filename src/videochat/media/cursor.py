"""Opaque cursors: where a page of media ended."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from videochat.errors import InvalidError


def write(created_at: datetime, media_id: str) -> str:
    """Return the cursor after this medium."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {media_id}".encode()).decode().rstrip("=")


def read(cursor: str) -> tuple[datetime, str]:
    """Return moment and id of the medium before. Raises InvalidError for what `write` has not made."""
    try:
        moment, media_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        created_at = datetime.fromisoformat(moment)
    except (ValueError, binascii.Error):
        raise InvalidError("The cursor is not one that a list has given.") from None
    return created_at.astimezone(UTC), media_id

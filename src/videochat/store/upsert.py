"""INSERT … ON CONFLICT, which both databases know and SQLAlchemy knows only as part of each."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


def upsert(session: AsyncSession, table: type[Any]) -> Any:
    """Return the INSERT of the session's database (the two dialects' classes have no common type)."""
    return (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(table)

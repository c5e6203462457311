"""Asking the search index of either database for passages by their terms; terms are data and never query syntax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Select, cast, column, literal, literal_column, select, table
from sqlalchemy.dialects.postgresql import TSQUERY

from videochat.store.search_ddl import PG_VECTOR

Mode = Literal["all", "any"]

_FTS = table("passages_fts", column("rowid"))
_PASSAGES = table("passages", column("id"))


def matching(dialect: str, terms: Sequence[str], mode: Mode = "all") -> Select[int]:
    """Return a query for the ids of the passages with all or any of the terms, which are the analyser's."""
    # The analyser's terms hold neither quotes nor backslashes, so quoting them is enough.
    if dialect == "sqlite":
        match = (" AND " if mode == "all" else " OR ").join(f'"{term}"' for term in terms)
        return select(_FTS.c.rowid.label("id")).where(literal_column("passages_fts").op("MATCH")(literal(match)))
    query = (" & " if mode == "all" else " | ").join(f"'{term}'" for term in terms)
    return select(_PASSAGES.c.id).where(literal_column(f"({PG_VECTOR})").op("@@")(cast(query, TSQUERY)))

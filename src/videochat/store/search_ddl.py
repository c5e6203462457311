"""What makes passages findable in the database: DDL that SQLAlchemy's tables cannot say.

The column `passages.terms` holds the analyser's output: terms of ASCII letters and digits or of characters beyond ASCII,
parted by single spaces. Both databases take exactly these terms and analyse nothing again, so both find the same:
SQLite's `ascii` tokenizer parts only at ASCII characters that are no letters or digits, and on PostgreSQL the terms
become a tsvector without a parser (`to_tsvector` would take `1e5`, `3-4` or `a/b` apart in its own way).

Migrations run `create_search()`; the names in `OBJECTS` belong to no SQLAlchemy table and are to be left alone when
the tables are compared with the models.
"""

from __future__ import annotations

# The expression of the PostgreSQL index; a query must repeat it to use the index.
PG_VECTOR = "array_to_tsvector(string_to_array(terms, ' '))"

OBJECTS = frozenset({
    "ix_passages_terms",
    "passages_fts", "passages_fts_data", "passages_fts_idx", "passages_fts_docsize", "passages_fts_config",
})  # fmt: skip

_SQLITE_TABLE = """
CREATE VIRTUAL TABLE passages_fts
USING fts5(terms, content='passages', content_rowid='id', tokenize='ascii', detail=none, columnsize=0)
"""
# Triggers rather than the repository keep the index in step: deleting a medium removes its passages by a cascade.
_SQLITE_INSERT = """
CREATE TRIGGER passages_fts_insert AFTER INSERT ON passages BEGIN
INSERT INTO passages_fts(rowid, terms) VALUES (new.id, new.terms); END
"""
_SQLITE_DELETE = """
CREATE TRIGGER passages_fts_delete AFTER DELETE ON passages BEGIN
INSERT INTO passages_fts(passages_fts, rowid, terms) VALUES ('delete', old.id, old.terms); END
"""
_SQLITE_UPDATE = """
CREATE TRIGGER passages_fts_update AFTER UPDATE OF id, terms ON passages BEGIN
INSERT INTO passages_fts(passages_fts, rowid, terms) VALUES ('delete', old.id, old.terms);
INSERT INTO passages_fts(rowid, terms) VALUES (new.id, new.terms); END
"""
_SQLITE_REBUILD = "INSERT INTO passages_fts(passages_fts) VALUES ('rebuild')"

_CREATE = {
    "sqlite": (_SQLITE_TABLE, _SQLITE_INSERT, _SQLITE_DELETE, _SQLITE_UPDATE, _SQLITE_REBUILD),
    "postgresql": (f"CREATE INDEX ix_passages_terms ON passages USING gin (({PG_VECTOR}))",),
}
_DROP = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS passages_fts_update",
        "DROP TRIGGER IF EXISTS passages_fts_delete",
        "DROP TRIGGER IF EXISTS passages_fts_insert",
        "DROP TABLE IF EXISTS passages_fts",
    ),
    "postgresql": ("DROP INDEX IF EXISTS ix_passages_terms",),
}


def create_search(dialect: str) -> tuple[str, ...]:
    """Return the statements that make the search index of the table `passages`, in order; `dialect` is SQLAlchemy's name."""
    return _CREATE[dialect]


def drop_search(dialect: str) -> tuple[str, ...]:
    """Return the statements that remove the search index again."""
    return _DROP[dialect]

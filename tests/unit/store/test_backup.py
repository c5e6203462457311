"""Which tables belong into a backup, and that their rows can be written down."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer, LargeBinary, String

from offenders import assert_none
from videochat.store.backup import LEASES, OF_PROCESSES, TABLES
from videochat.store.restore import COUNTED
from videochat.store.tables import Base, Moment

WRITABLE = (String, Integer, BigInteger, Float, Boolean, JSON, LargeBinary, Moment)


def test_every_column_can_be_written_down() -> None:
    """A column of another type needs a place in backup and restore first."""
    assert_none(
        f"{table.name}.{column.name}: {column.type!r}"
        for table in TABLES
        for column in table.columns
        if not isinstance(column.type, WRITABLE)
    )


def test_only_what_is_about_processes_stays_behind() -> None:
    """Each table is in a backup unless it is named, and comes after those that it refers to."""
    names = [table.name for table in TABLES]
    assert {*names} == Base.metadata.tables.keys() - OF_PROCESSES
    for n, table in enumerate(TABLES):
        assert {key.column.table.name for key in table.foreign_keys} <= {*names[:n]}
    assert LEASES.items() <= {
        (table.name, column.name) for table in TABLES for column in table.columns if column.nullable
    }


def test_ids_that_the_database_counts_are_counted_on() -> None:
    """A table whose ids come from a sequence is named, or new rows would get the ids of restored ones."""
    counted = {table.name for table in TABLES if table.autoincrement_column is not None}
    assert counted == {*COUNTED}

"""What a migration may do, so that processes of the version before survive it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from videochat.store.migrate import MIGRATIONS, known_revisions, newest_revision

LATER = sorted((MIGRATIONS / "versions").glob("*.py"))[1:]
ADDING = {"create_table", "create_index", "add_column", "execute", "f", "bulk_insert"}


@pytest.mark.parametrize("path", LATER, ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    """Nothing is dropped, renamed or tightened, and a new column of an old table needs no value."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    operations = {call.func.attr: call for call in calls if _is_operation(call)}
    assert operations.keys() <= ADDING
    for call in calls:
        if _is_operation(call) and call.func.attr == "add_column":  # type: ignore[attr-defined]
            column = call.args[1]
            assert isinstance(column, ast.Call)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in column.keywords}
            assert given.get("nullable", "True") == "True" or "server_default" in given, ast.unparse(call)


def test_migrations_are_known_by_the_names_of_their_files() -> None:
    """What the names say is what Alembic finds in the files: the same revisions, and the same newest one."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert known_revisions() == {script.revision for script in scripts.walk_revisions()}
    assert newest_revision() == scripts.get_current_head()


def _is_operation(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "op"

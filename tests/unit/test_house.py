"""The habits of the house, kept by counting: small files, small functions, tests that say what they prove."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from offenders import assert_none

ROOT = Path(__file__).parents[2]
PYTHON = sorted(
    file for folder in ("src", "tests", "bench", "docs", "examples") for file in (ROOT / folder).rglob("*.py")
)
PAGE = sorted(file for file in (ROOT / "ui" / "src").rglob("*") if file.suffix in {".ts", ".svelte", ".css"})
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in PYTHON}
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50
TOO_WIDE = {"Exception", "BaseException"}
# Only here: whatever a stranger's code raises becomes one error of ours, which names the plugin, and whatever ends a loop in the
# background is logged with its traceback before the loop begins again.
CATCH_ALL = {ROOT / "src" / "videochat" / file for file in ("plugins.py", "ops/keeping.py")}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[Path, Function]]:
    """Yield every function, methods and nested ones too."""
    for file, tree in TREES.items():
        yield from ((file, node) for node in ast.walk(tree) if isinstance(node, Function))


def place(file: Path, node: ast.AST) -> str:
    return f"{file.relative_to(ROOT)}:{node.lineno}"


def length(function: Function) -> int:
    return function.end_lineno - function.lineno + 1


def caught(handler: ast.ExceptHandler) -> set[str]:
    """Return the names of what the handler catches; a bare `except` catches everything."""
    if handler.type is None:
        return {"BaseException"}
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(kind).rpartition(".")[2] for kind in kinds}


def test_files_are_short() -> None:
    """No file of ours, Python or page, is longer than 400 lines."""
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in PYTHON + PAGE}
    assert_none(f"{file.relative_to(ROOT)}: {n} lines" for file, n in lengths.items() if n > MOST_LINES_OF_A_FILE)


def test_functions_are_short() -> None:
    """No function, in tests neither, is longer than 50 lines."""
    assert_none(
        f"{place(file, function)} {function.name}: {length(function)} lines"
        for file, function in functions()
        if length(function) > MOST_LINES_OF_A_FUNCTION
    )


def test_every_test_says_what_it_proves() -> None:
    """A test without a sentence leaves its reader to guess what broke."""
    assert_none(
        f"{place(file, function)} {function.name}"
        for file, function in functions()
        if file.name.startswith("test_") and function.name.startswith("test_") and not ast.get_docstring(function)
    )


def test_nobody_catches_everything() -> None:
    """What nobody expected reaches the log with its traceback, and does not end in a branch for other errors."""
    assert_none(
        f"{place(file, node)} except {', '.join(sorted(caught(node)))}"
        for file, tree in TREES.items()
        if file.is_relative_to(ROOT / "src") and file not in CATCH_ALL
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and TOO_WIDE & caught(node)
    )

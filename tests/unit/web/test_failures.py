"""Whether the page has a Chinese text for every failure: in English it shows the service's own words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from offenders import assert_none

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "videochat"
PAGE = ROOT / "ui" / "src"
# Of the command line, of backups, and of doors for programs: the page never meets them.
ELSEWHERE = ("cli", "store/archive.py", "store/restore.py", "web/openai", "web/mcp")
# They steer work from within, or are for somebody who has gone: they are stored nowhere and answer no request.
WITHIN = {"client_left", "ended", "not_yet", "superseded", "vectors_unread"}
TEXTS = {"i18n/failures.ts": r"^  (\w+): \"", "lib/reasons.ts": r"^  (\w+): \"reason\."}


def test_every_failure_has_a_chinese_text() -> None:
    """Who adds a code here adds its text there; a code that is put together has at least one of its kind."""
    assert_none(
        (
            f"{place}: {code}"
            for code, place in sorted(CODES)
            if code not in WITHIN and not any(re.fullmatch(code, text) for text in texts())
        ),
        "The page has no Chinese text for these: add one to ui/src/i18n/failures.ts.",
    )


def test_no_text_is_for_a_failure_that_is_no_more() -> None:
    """A text whose code nobody raises would be kept and translated for nothing."""
    assert_none(text for text in texts() if not any(re.fullmatch(code, text) for code, _ in CODES))


def test_the_failures_of_every_stage_are_among_those_looked_at() -> None:
    """Codes of classes, of single errors, of stored ones and those put together are found, else nothing is proved."""
    assert {"engine_crashed", "source_live", "source_several", "interrupted", "media_cut_off", r"quota_\w+"} <= {
        code for code, _ in CODES
    }


def texts() -> set[str]:
    """Return the codes that the page has texts for."""
    return {
        code
        for file, pattern in TEXTS.items()
        for code in re.findall(pattern, (PAGE / file).read_text(encoding="utf-8"), re.MULTILINE)
    }


def codes() -> Iterator[tuple[str, str]]:
    """Yield, as patterns, all codes that errors have, each with where it stands."""
    for file in SOURCE.rglob("*.py"):
        name = file.relative_to(SOURCE).as_posix()
        if not name.startswith(ELSEWHERE):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield from ((code, f"{name}:{node.lineno}") for value in given(node) for code in patterns(value))


def given(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what this gives as a code: a class, a call, or an error written as it is stored."""
    match node:
        case ast.ClassDef(body=body):
            for line in body:
                match line:
                    case (
                        ast.Assign(targets=[ast.Name("code")], value=value)
                        | ast.AnnAssign(target=ast.Name("code"), value=ast.expr() as value)
                    ):
                        yield value
        case ast.Call(keywords=keywords):
            yield from (keyword.value for keyword in keywords if keyword.arg == "code")
        case ast.Dict(keys=keys, values=values):
            yield from (
                v for k, v in zip(keys, values, strict=True) if isinstance(k, ast.Constant) and k.value == "code"
            )


def patterns(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(str(code)):
            yield re.escape(code)
        case ast.IfExp(body=one, orelse=other):
            yield from (*patterns(one), *patterns(other))
        case ast.JoinedStr(parts):
            yield "".join(re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in parts)


CODES = frozenset(codes())

"""What people wrote by hand: links lead somewhere, and what they tell to type exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from offenders import assert_none
from reference_pages.markdown import anchor
from surface import PATHS, SETTINGS, options, understood

ROOT = Path(__file__).parents[3]
INDEX = ROOT / "docs" / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(INDEX.parent.rglob("*.md"))]
DECISIONS = sorted((INDEX.parent / "decisions").glob("*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "What would change our mind"]
MOST_LINES_OF_A_DECISION = 45

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z]\w*)")
SETTING = re.compile(r"\b[A-Z]+__[A-Z_]*[A-Z]\b")
ADDRESS = re.compile(r"http://127\.0\.0\.1:8000(/[^\s'?]+)")
ASSIGNMENT = re.compile(r"[A-Z_]+=")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def sentences(page: Path) -> str:
    """Return the page without its blocks of code."""
    return FENCE.sub("", text_of(page))


def blocks(page: Path) -> str:
    return "\n".join(FENCE.findall(text_of(page)))


def code(page: Path) -> str:
    """Return everything that is set as code."""
    return "\n".join([blocks(page), *INLINE.findall(sentences(page))])


def typed(page: Path) -> Iterator[list[str]]:
    """Yield the words behind `videochat` of each command line in the page's blocks."""
    for line in blocks(page).splitlines():
        if line.startswith("$ "):
            program, *words = [one for one in shlex.split(line[2:], comments=True) if not ASSIGNMENT.match(one)]
            if program == "videochat":
                yield words


def mentioned(page: Path) -> Iterator[list[str]]:
    """Yield the words behind `videochat` where a sentence names a command."""
    for found in INLINE.findall(sentences(page)):
        program, *words = found.split() or [""]
        if program.rpartition("/")[2] == "videochat":
            yield [word for word in words if word != "…"]


TYPED = [(page, words) for page in PAGES for words in typed(page)]
MENTIONED = [(page, words) for page in PAGES for words in mentioned(page)]


def case(part: Path | list[str]) -> str:
    return name(part) if isinstance(part, Path) else " ".join(part)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and its anchor a heading in it."""
    broken = []
    for link in LINK.findall(sentences(page)):
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        if ":" in link:
            continue
        if not target.exists() or (fragment and fragment not in map(anchor, HEADING.findall(sentences(target)))):
            broken.append(link)
    assert_none(broken)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_knows_what_it_is_asked_for(page: Path) -> None:
    """Every `make` target that a page names is one of the Makefile."""
    assert_none(set(MAKE.findall(code(page))) - set(TARGET.findall(text_of(ROOT / "Makefile"))))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_settings_exist(page: Path) -> None:
    """Every nested setting that a page names can be set."""
    assert_none(set(SETTING.findall(text_of(page))) - SETTINGS.keys())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_addresses_are_served(page: Path) -> None:
    """Every address that a page asks for is one of a route."""
    routes = [re.sub(r"\{\w+\}", "[^/]+", path) for path in PATHS]
    asked = ADDRESS.findall(text_of(page))
    assert_none(address for address in asked if not any(re.fullmatch(route, address) for route in routes))


@pytest.mark.parametrize(("page", "words"), TYPED, ids=case)
def test_command_lines_can_be_typed(page: Path, words: list[str]) -> None:
    """Every command line of a page is parsed by the command itself: options, arguments and their number."""
    context = understood(words)
    context.command.make_context(context.info_name, context.args)


@pytest.mark.parametrize(("page", "words"), MENTIONED, ids=case)
def test_commands_that_are_mentioned_exist(page: Path, words: list[str]) -> None:
    """Every command and option that a sentence names is there."""
    context = understood(words)
    assert_none({word for word in context.args if word.startswith("-")} - options(context))


def test_the_readme_shows_commands() -> None:
    """The two tests before this one have something to look at, in both languages."""
    assert {name(page) for page, _ in TYPED} >= {"README.md", "README.zh-CN.md"}


def test_every_page_can_be_found() -> None:
    """Every page under docs/ is linked from its index."""
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in LINK.findall(text_of(INDEX))}
    own = {page for page in PAGES if page.is_relative_to(INDEX.parent)}
    assert_none(map(name, own - linked - {INDEX}))


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_a_decision_says_why_and_until_when(decision: Path) -> None:
    """Each record has its number, context, decision, consequences and what would change it, on one screen."""
    title, *sections = HEADING.findall(sentences(decision))
    assert title.startswith(f"{int(decision.name[:4])}. ")
    assert sections == SECTIONS
    assert len(text_of(decision).splitlines()) <= MOST_LINES_OF_A_DECISION

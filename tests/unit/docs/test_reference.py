"""The reference pages: complete, up to date, and with a meaning beside every name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from generate import PAGES, REFERENCE
from offenders import assert_none
from reference_pages import grafana, openapi
from surface import COMMANDS, ROUTES, SETTINGS
from videochat import __version__
from videochat.ops.metrics import Metrics

ENDS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
FAMILY = re.compile(r"_(total|bucket|sum|count)$")
# Told by other panels, or by the log.
NOT_DRAWN = {f"videochat_{name}" for name in ("windows", "answer_seconds", "settings_reloads", "process_tasks")}
# Every list has these two, and the head of the page explains them.
SHARED_PARAMETERS = {"cursor", "limit"}


def written(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=PAGES.keys())
def test_a_page_says_what_the_code_says(name: str, page: Callable[[], str]) -> None:
    """Whoever changes a setting, a command or a route renews the pages in the same commit."""
    assert written(name) == page(), f"docs/reference/{name} is stale: make docs"


def test_the_dashboard_asks_for_what_is_counted() -> None:
    """Every name in its queries is a metric of ours in the form that Prometheus stores, with labels that the metric has."""
    families = Metrics().families.values()
    stored = {f"{family.name}{end}": family.labels for family in families for end in ENDS[family.kind]}
    queries = [query for panels in grafana.ROWS.values() for panel in panels for query, _ in panel.queries]
    asked = [(query, name) for query in queries for name in re.findall(r"videochat_\w+", query)]
    assert_none(f"{name}: {query}" for query, name in asked if name not in stored)
    assert_none(
        f"{label}: {query}"
        for query, name in asked
        for labels in re.findall(r"by \(([\w, ]+)\)", query)
        for label in labels.split(", ")
        if label not in {*stored[name], "le"}
    )
    assert {family.name for family in families} - {FAMILY.sub("", name) for _, name in asked} == NOT_DRAWN


def test_the_api_is_the_one_that_was_agreed_on() -> None:
    """No operation and no schema comes, goes or changes without being named."""
    agreed, running = json.loads(written("openapi.json")), openapi.document()
    assert_none(openapi.changes(agreed, running), "the API changed; if that is wanted: make docs")


def test_a_release_leaves_the_snapshot_as_it_is() -> None:
    """The version of VideoChat is not in it, so a new one changes nothing."""
    assert openapi.document()["info"]["version"] == openapi.ANY_VERSION
    assert f'"{__version__}"' not in openapi.page()


def test_every_setting_stands_in_its_page() -> None:
    """Nothing can be configured that cannot be read about."""
    page = written("settings.md")
    assert_none(name for name in SETTINGS if f"| `{name}` |" not in page)


def test_every_setting_says_what_it_means() -> None:
    """A setting without a description is a name to guess at."""
    assert_none(name for name, field in SETTINGS.items() if not field.description)


def test_every_command_and_option_stands_in_its_page() -> None:
    """What people may type can be read about, and what is hidden cannot."""
    sections = {part.partition("\n")[0]: part for part in written("commands.md").split("\n## ")[1:]}
    assert sections.keys() == COMMANDS.keys()
    assert_none(
        f"{name} {option}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        for option in parameter.opts
        if (option in sections[name]) == parameter.hidden
    )


def test_every_command_and_option_says_what_it_means() -> None:
    """`--help` leaves nobody alone with a name."""
    assert_none(name for name, command in COMMANDS.items() if not command.help)
    assert_none(
        f"{name} {parameter.name}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not parameter.hidden and not parameter.help
    )


def test_every_route_stands_in_its_page_and_in_the_snapshot() -> None:
    """A route that is declared and forgotten, or lost on its way into the API, is missed."""
    page, snapshot = written("http.md"), openapi.operations(json.loads(written("openapi.json")))
    assert_none(name for name in ROUTES if f"\n### {name}\n" not in page)
    assert_none(ROUTES.keys() ^ snapshot.keys())


def test_every_route_says_what_it_does() -> None:
    """The docstring of a route is its description, for people and for generated clients."""
    assert_none(name for name, route in ROUTES.items() if not route.endpoint.__doc__)


def test_every_parameter_of_a_route_says_what_it_means() -> None:
    """What stands in the path is an id; everything else is described."""
    assert_none(
        f"{name} {parameter['name']}"
        for name, operation in openapi.operations(openapi.document()).items()
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "path" and parameter["name"] not in SHARED_PARAMETERS and not parameter.get("description")
    )

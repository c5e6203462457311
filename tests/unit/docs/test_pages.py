"""How the reference pages are made: Markdown, schemas in words, and what changed in an API."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import generate
from reference_pages import openapi
from reference_pages.markdown import anchor, prose, table
from reference_pages.schema import default, kind, kind_if_set

PARAMETER = {"name": "limit", "in": "query"}
AGREED: dict[str, Any] = {
    "info": {"version": "any"},
    "paths": {"/media": {"get": {"parameters": [PARAMETER]}, "post": {}}},
    "components": {"schemas": {"Media": {"type": "object"}, "Job": {"type": "object"}}},
}


def test_a_table_stays_a_table_whatever_stands_in_it() -> None:
    """Bars and line breaks in a cell do not end it."""
    assert table(("a", "b"), [("one | two", "three\nfour")]).splitlines()[2] == "| one \\| two | three four |"


def test_what_looks_like_html_is_shown() -> None:
    """A description that names a tag shows the tag; in code it stays as it is."""
    assert prose("<mark> around, `<str>` within") == "&lt;mark> around, `<str>` within"


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Written answers", "written-answers"),
        ("GET /api/media/{media_id}", "get-apimediamedia_id"),
        ("两条命令", "两条命令"),
    ],
)
def test_anchors_are_those_of_github(heading: str, expected: str) -> None:
    """Links into a page go where the browser goes."""
    assert anchor(heading) == expected


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 200}, "integer (at least 1, at most 200)"),
        ({"type": "number", "exclusiveMinimum": 0}, "number (more than 0)"),
        ({"type": "string", "format": "password", "writeOnly": True}, "secret"),
        ({"type": "string", "enum": ["low", "high"]}, "`low`, `high`"),
        ({"const": "none", "type": "string"}, "`none`"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, "list of string (at most 3)"),
        ({"anyOf": [{"$ref": "#/components/schemas/JobOut"}, {"type": "null"}]}, "[JobOut](#jobout) or null"),
        ({}, "anything"),
    ],
)
def test_schemas_in_words(schema: dict[str, Any], words: str) -> None:
    """Bounds, choices, secrets, lists and references are said."""
    assert kind(schema) == words


def test_what_may_be_unset_is_described_by_its_values() -> None:
    """Null is no value that one would write into the environment."""
    assert kind_if_set({"anyOf": [{"type": "string"}, {"type": "null"}]}) == "string"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "unset"), ("", "unset"), (0, "`0`"), (False, "`false`"), ([], "`[]`"), ("auto", "`auto`")],
)
def test_defaults_as_they_are_written(value: object, words: str) -> None:
    """A default reads as in a file of settings, and nothing is not the same as zero."""
    assert default({"default": value}) == words


def test_changes_of_an_api_are_named() -> None:
    """What came, went and changed is told apart, by operation and by schema; the same is no change."""
    now = copy.deepcopy(AGREED)
    now["info"]["title"] = "VideoChat"
    now["paths"] = {"/media": {"get": {"parameters": [{**PARAMETER, "required": True}]}}, "/jobs": {"get": {}}}
    now["components"] = {"schemas": {"Media": {"type": "string"}, "Job": {"type": "object"}}, "securitySchemes": {}}
    expected = [
        "+ GET /jobs",
        "~ GET /media",
        "- POST /media",
        "~ schema Media",
        "+ components.securitySchemes",
        "~ info",
    ]
    assert openapi.changes(AGREED, now) == expected
    assert openapi.changes(AGREED, AGREED) == []


def test_the_check_says_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was just written is current; a page that then differs or is missing fails the check by name."""
    folder = tmp_path / "docs" / "reference"
    assert generate.main([], folder) == 0
    assert generate.main(["--check"], folder) == 0
    (folder / "http.md").write_text("old\n", encoding="utf-8")
    (folder / "settings.md").unlink()
    (tmp_path / "deploy" / "grafana" / "dashboard.json").unlink()
    assert generate.main(["--check"], folder) == 1
    names = ["docs/reference/settings.md", "docs/reference/http.md", "deploy/grafana/dashboard.json"]
    stale = [f"{name} is stale: make docs" for name in names]
    assert capsys.readouterr().out.splitlines() == stale

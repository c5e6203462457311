"""What tools make of arguments and of long texts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videochat.errors import InvalidError
from videochat.web.mcp.tool import shortened
from videochat.web.mcp.tools import INSTRUCTIONS, TOOLS, UNTRUSTED


@given(st.text(max_size=40), st.integers(2, 30))
def test_what_is_cut_says_so(text: str, most: int) -> None:
    """A text that fits stays as it is; another one is exactly as long as there is room, and ends with an ellipsis."""
    cut = shortened(text, most)
    assert cut == text if len(text) <= most else (len(cut), cut[-1]) == (most, "…")


def test_every_tool_says_what_its_results_are() -> None:
    """What others said may be an attempt to give orders; descriptions and instructions warn of it, within a clip of text."""
    for tool in TOOLS.values():
        assert tool.description.endswith(UNTRUSTED)
        assert len(tool.description) < 700
    assert UNTRUSTED in INSTRUCTIONS


def test_every_argument_is_described_and_bounded() -> None:
    """A model knows arguments by their descriptions only, and whatever it sends is bounded."""
    for tool in TOOLS.values():
        schema = tool.wanted.model_json_schema()
        assert schema["additionalProperties"] is False
        for name, argument in schema["properties"].items():
            assert argument["description"], (tool.name, name)
            if argument.get("type") == "integer" or '"array"' in json.dumps(argument):
                assert {"maximum", "maxItems"} & (argument.keys() | argument.get("anyOf", [{}])[0].keys()), name


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1"])
def test_times_are_times(number: str) -> None:
    """A number that is no moment of a recording is refused, also where JSON lets it pass."""
    with pytest.raises(InvalidError, match=r"^start: "):
        TOOLS["get_transcript"].understood({"media": "m1", "start": float(number)})


def test_what_was_wrong_is_said_without_what_was_sent() -> None:
    """The message names the argument, and does not send a novel back."""
    with pytest.raises(InvalidError) as error:
        TOOLS["search_library"].understood({"query": "planted" * 1000})
    assert error.value.message.startswith("query: ")
    assert "planted" not in error.value.message

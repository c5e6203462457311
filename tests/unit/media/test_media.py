"""Names and limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videochat.media.media import Limits, clean_name, clean_title, file_name
from videochat.settings import Settings


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("lecture.mp4", "lecture.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\summer.avi", "summer.avi"),
        ("a\x00b\nc\u202ed.mp3", "abcd.mp3"),
        ("课程 1.mp4", "课程 1.mp4"),
        ("folder/", "folder"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (" \t ", "unnamed"),
    ],
)
def test_a_name_keeps_what_can_be_shown(given_name: str, kept: str) -> None:
    """Folders, control characters and direction marks are dropped; letters of any script stay."""
    assert clean_name(given_name) == kept


def test_a_long_name_keeps_its_extension() -> None:
    """The extension says what the file is, so the stem is shortened."""
    assert clean_name("x" * 300 + ".mp4") == "x" * 196 + ".mp4"


@given(st.text(max_size=400))
def test_every_name_is_safe(name: str) -> None:
    """Whatever is given, the result is one visible path component of 1 to 200 characters, and stays as it is."""
    cleaned = clean_name(name)
    assert 1 <= len(cleaned) <= 200
    assert not set(cleaned) & set("/\\\x00\r\n")
    assert cleaned not in {".", ".."}
    assert clean_name(cleaned) == cleaned


@given(st.text(max_size=400))
def test_every_title_can_be_a_file(title: str) -> None:
    """A title keeps its slashes, is of 1 to 200 visible characters, and gives a name of one path component."""
    cleaned = clean_title(title)
    assert 1 <= len(cleaned) <= 200
    assert clean_title(cleaned) == cleaned
    assert not set(file_name(cleaned)) & set("/\\\x00\r\n")
    assert file_name(cleaned) not in {".", ".."}


def test_limits_come_from_the_settings() -> None:
    """What can be configured is what holds."""
    settings = Settings(
        _env_file=None,
        server={"max_upload_bytes": 7},
        media={"max_duration_hours": 0.5, "max_decode_seconds": 9},
    )
    limits = Limits.of(settings)
    assert (limits.max_bytes, limits.max_seconds, limits.max_work_seconds) == (7, 1800, 9)

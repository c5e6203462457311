"""The file to begin with."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from surface import SETTINGS
from videochat.ops.template import template
from videochat.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder to work in and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if "__" in name]:
        monkeypatch.delenv(name)
    return tmp_path


def uncommented(text: str) -> str:
    """Return the file with every setting that has a default taken in."""
    lines = [re.sub(r"^# (\w+ = )", r"\1", line) for line in text.splitlines() if "…  # unset" not in line]
    return "\n".join(lines)


def test_as_it_is_it_changes_nothing(folder: Path) -> None:
    """Whoever puts it in place runs on the defaults."""
    before = load_settings()
    (folder / "videochat.toml").write_text(template(), encoding="utf-8")
    assert load_settings() == before


def test_what_it_says_are_the_defaults(folder: Path) -> None:
    """With every `#` taken away the file is read, and the settings are the same as without it."""
    before = load_settings()
    (folder / "videochat.toml").write_text(uncommented(template()), encoding="utf-8")
    assert load_settings() == before


def test_every_setting_is_in_it() -> None:
    """Each by its name in its table, with or without a default."""
    every = re.sub(r"^# (\w+ = )…  # unset by default", r'\1"x"', template(), flags=re.MULTILINE)
    found = tomllib.loads(uncommented(every))
    flat = {
        f"{name}__{inner}".upper() if isinstance(value, dict) else name.upper()
        for name, value in found.items()
        for inner in (value if isinstance(value, dict) else [""])
    }
    assert flat == {*SETTINGS}
    assert {*found} <= {*Settings.model_fields}

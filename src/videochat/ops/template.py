"""A `videochat.toml` to begin with: every setting with what it means and its default, all of it commented out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from videochat.settings import SECTIONS, Settings

WIDTH = 100
HEAD = (
    "# Settings of VideoChat. Take away the `#` before a name to set it; what is set in the environment or in `.env` wins.\n"
    "# Secrets are better kept in the environment or in the folder SECRETS_DIR.\n"
)
UNSET = "…  # unset by default"


def template() -> str:
    """Return the text of the file."""
    parts = [HEAD, *_settings(Settings)]
    for name, section in SECTIONS.items():
        parts += [f"[{name}]\n", *_settings(section)]
    return "\n".join(parts)


def _settings(section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if name not in SECTIONS:
            yield _setting(name, field)


def _setting(name: str, field: FieldInfo) -> str:
    about = textwrap.wrap(field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*about, f"# {name} = {UNSET if field.default is None else _toml(field.default)}", ""])


def _toml(value: Any) -> str:
    """Return the value in TOML, which writes numbers, texts and lists of texts as JSON does."""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)

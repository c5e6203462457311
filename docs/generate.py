"""Write docs/reference/settings.md from the settings themselves; with --check only say whether it is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from videochat.settings import Settings

TARGET = Path(__file__).parent / "reference" / "settings.md"
HEAD = """# Settings

From the command line, the environment, `.env` or `videochat.toml`, strongest first. This page is generated: `make docs`.

| name | default | meaning |
|---|---|---|
"""


def rows(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield a table row for each setting."""
    for name, field in section.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            yield from rows(type(default), f"{prefix}{name.upper()}__")
        else:
            yield f"| `{prefix}{name.upper()}` | `{default}` | {_meaning(field)} |"


def _meaning(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    reloadable = isinstance(extra, dict) and extra.get("reloadable")
    return f"{field.description}{' Can be reloaded.' if reloadable else ''}".replace("|", "\\|")


def page() -> str:
    return HEAD + "\n".join(rows(Settings)) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if TARGET.read_text(encoding="utf-8") == page() else "docs/reference/settings.md is stale: make docs"
        )
    TARGET.write_text(page(), encoding="utf-8")

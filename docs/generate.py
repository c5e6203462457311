"""Write the pages under docs/reference/, and the dashboard for Grafana, from the code itself; with --check only say which are stale."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from reference_pages import commands, grafana, http, metrics, openapi, settings

REFERENCE = Path(__file__).parent / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "commands.md": commands.page,
    "http.md": http.page,
    "metrics.md": metrics.page,
    "openapi.json": openapi.page,
    "../../deploy/grafana/dashboard.json": grafana.page,
}


def main(arguments: Sequence[str], folder: Path = REFERENCE) -> int:
    """Return the exit status."""
    if "--check" in arguments:
        return check(folder)
    for name, page in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(page(), encoding="utf-8")
    return 0


def check(folder: Path) -> int:
    stale = [name for name, page in PAGES.items() if _written(folder / name) != page()]
    for name in stale:
        print(f"{os.path.normpath(f'docs/reference/{name}')} is stale: make docs")
    return 1 if stale else 0


def _written(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

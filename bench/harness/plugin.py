"""Installs a plugin of VideoChat into a folder, as pip would, for processes that are started with the right PYTHONPATH."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

BENCH = Path(__file__).parents[1]


def install_engine(folder: Path, name: str, target: str, source: Path = BENCH) -> str:
    """Make the engine `target` (module:Class, importable from the source folder) known and return the PYTHONPATH for it."""
    return install_plugin(folder, name, {"videochat.engines": target}, source)


def install_plugin(folder: Path, name: str, targets: Mapping[str, str], source: Path = BENCH) -> str:
    """Make what stands for each group of entry points known under the name and return the PYTHONPATH for it."""
    information = folder / f"{name}_plugin-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n", encoding="utf-8"
    )
    groups = "".join(f"[{group}]\n{name} = {target}\n" for group, target in targets.items())
    (information / "entry_points.txt").write_text(groups, encoding="utf-8")
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([str(folder), str(source), str(BENCH), *filter(None, inherited)]))

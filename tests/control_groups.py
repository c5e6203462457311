"""Control groups in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from videochat.ops.allowance import Allowance

GIB = 1024**3


def inside(folder: Path, membership: str, groups: Mapping[str, Mapping[str, object]]) -> Allowance:
    """Write the files of control groups, by the path of each, and return what a process with this membership may use."""
    root, member = folder / "cgroup", folder / "membership"
    for path, files in groups.items():
        (root / path).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (root / path / name).write_text(f"{content}\n", encoding="ascii")
    member.write_text(membership, encoding="ascii")
    return Allowance(root, member)


def container(folder: Path, **files: object) -> Allowance:
    """Return what a process may use in a container of version 2 that sees only its own group; `_` stands for the point of a name."""
    return inside(folder, "0::/\n", {".": {name.replace("_", ".", 1): content for name, content in files.items()}})

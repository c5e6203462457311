"""Prompts for language models, as packaged text files."""

from __future__ import annotations

from importlib.resources import files


def load_prompt(name: str) -> str:
    """Return the text of the prompt, such as `system`."""
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")

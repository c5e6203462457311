"""`videochat config check` and `template`: before a service starts."""

from __future__ import annotations

import typer

from videochat.ops.production import production_problems, unguarded
from videochat.ops.template import template as template_text
from videochat.settings import read_settings


def check() -> None:
    """Look at every source of the settings and say what is wrong, and what to set instead."""
    settings, problems = read_settings()
    if settings is not None:
        problems = [*production_problems(settings)]
        # `serve` refuses it everywhere, also where a worker would start.
        if (problem := unguarded(settings)) and problem not in problems:
            problems.append(problem)
    for problem in problems:
        typer.echo(f"problem  {problem}")
    if problems:
        raise typer.Exit(1)
    assert settings is not None
    typer.echo(f"The settings are fit for ENVIRONMENT={settings.environment}.")


def template() -> None:
    """Print a videochat.toml with every setting, its meaning and its default."""
    typer.echo(template_text(), nl=False)

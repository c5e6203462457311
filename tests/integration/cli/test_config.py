"""`videochat config check` and `template` as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def videochat(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if "__" not in name}
    environment = {**inherited, "DATA_DIR": str(folder / "data"), **settings}
    return subprocess.run(
        [sys.executable, "-m", "videochat", *words], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_check_says_what_is_wrong_and_the_template_is_fit(tmp_path: Path) -> None:
    """The exit status is 1 while there is a problem and 0 after it is put right."""
    template = videochat(tmp_path, "config", "template")
    (tmp_path / "videochat.toml").write_text(template.stdout, encoding="utf-8")
    assert videochat(tmp_path, "config", "check").returncode == 0
    wrong = videochat(tmp_path, "config", "check", ENVIRONMENT="production", LOG__LEVEL="DEBUG")
    assert (wrong.returncode, wrong.stdout.count("problem  ")) == (1, 2)
    (tmp_path / "videochat.toml").write_text("[stt", encoding="utf-8")
    broken = videochat(tmp_path, "config", "check")
    assert (broken.returncode, "videochat.toml cannot be read" in broken.stdout) == (1, True)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_check_finds_what_serve_would_not_listen_on(tmp_path: Path, environment: str) -> None:
    """An address that everybody reaches is no place without accounts, in every environment; it is said once."""
    values = {"ENVIRONMENT": environment, "SECRET_KEY": "9f2c4e7a1b8d3f60" * 2, "SERVER__HOST": "0.0.0.0"}
    wrong = videochat(tmp_path, "config", "check", **values)
    assert (wrong.returncode, wrong.stdout.count("problem  ")) == (1, 1)
    assert wrong.stdout.removeprefix("problem  ").strip() in videochat(tmp_path, "serve", **values).stderr


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_no_process_starts_with_settings_that_are_not_fit(tmp_path: Path, command: str) -> None:
    """One line says all that is wrong, and nothing was touched."""
    refused = videochat(tmp_path, command, ENVIRONMENT="production", LOG__LEVEL="DEBUG")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "SECRET_KEY" in refused.stderr
    assert "LOG__LEVEL" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_addresses_of_notifications_are_shown_to_nobody(tmp_path: Path) -> None:
    """`config show` says how many there are; a wrong one is named by its place, also where the list cannot be read."""
    key = "keep-this-t0ken"
    for form in ((), ("--json",)):
        shown = videochat(tmp_path, "config", "show", *form, ALERTS__NOTIFY_URLS=f'["json://127.0.0.1/{key}"]')
        assert (shown.returncode, "(1 set)" in shown.stdout) == (0, True)
        assert key not in shown.stdout + shown.stderr
    for wrong in (f'["json://127.0.0.1", "nonsense://{key}"]', f"json://127.0.0.1/{key}", f'[{{"{key}": 1}}]'):
        refused = videochat(tmp_path, "list", ALERTS__NOTIFY_URLS=wrong)
        assert refused.returncode == 1, wrong
        assert key not in refused.stdout + refused.stderr

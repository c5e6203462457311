"""Names in the environment, `.env` and `videochat.toml`."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from surface import SETTINGS
from videochat.errors import ConfigurationError
from videochat.settings import load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder to work in and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if "__" in name]:
        monkeypatch.delenv(name)
    return tmp_path


def refused() -> str:
    with pytest.raises(ConfigurationError) as error:
        load_settings()
    return error.value.message


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("STT__ENGNE", "There is no setting STT__ENGNE (environment); did you mean STT__ENGINE?"),
        ("server__prot", "There is no setting SERVER__PROT (environment); did you mean SERVER__PORT?"),
        (
            "MEDIA__QQQQQQ",
            (
                "There is no setting MEDIA__QQQQQQ (environment); there are MEDIA__MAX_DURATION_HOURS, "
                "MEDIA__MAX_DECODE_SECONDS."
            ),
        ),
    ],
)
def test_a_wrong_name_in_the_environment_is_said(monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    """What begins like a setting of ours and is none gets the closest name, or those that there are."""
    monkeypatch.setenv(name, "secret")
    assert refused() == says


def test_names_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The environment and `.env` are shared: what is unlike our names is none of our business."""
    monkeypatch.setenv("SERVR__PORT", "1")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "x")
    (folder / ".env").write_text("POSTGRES_PASSWORD=x\nAIRFLOW__CORE__EXECUTOR=x\nLOG__LEVEL=ERROR\n")
    assert load_settings().log.level == "ERROR"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("STT__ENGNE=x", "STT__ENGNE (.env); did you mean STT__ENGINE?"),
        ("SERVR__PORT=1", "SERVR__PORT (.env); did you mean SERVER__PORT?"),
        ("DATADIR=x", "DATADIR (.env); did you mean DATA_DIR?"),
    ],
)
def test_a_slip_in_dotenv_is_said(folder: Path, line: str, says: str) -> None:
    """What is very like one of our names is meant as such, whichever part is wrong."""
    (folder / ".env").write_text(f"{line}\n")
    assert says in refused()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[stt]\nengne = "x"', "stt.engne (videochat.toml); did you mean stt.engine?"),
        ('[sttt]\nengine = "x"', "sttt.engine (videochat.toml); did you mean stt.engine?"),
        ('[STT]\nengine = "x"', "STT.engine (videochat.toml); did you mean stt.engine?"),
        ('datadir = "x"', "datadir (videochat.toml); did you mean data_dir?"),
        ("[zzz]\nqqq = 1", "zzz.qqq (videochat.toml); there are SERVER__…"),
        ("[stt", "videochat.toml cannot be read"),
    ],
)
def test_everything_in_our_own_file_must_be_known(folder: Path, text: str, says: str) -> None:
    """Nobody else reads `videochat.toml`, so nothing in it is passed over in silence."""
    (folder / "videochat.toml").write_text(text)
    assert says in refused()


def test_every_setting_is_accepted_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check knows all that there is: with every name set wrongly, only values are complained about."""
    for name in SETTINGS:
        monkeypatch.setenv(name, "?")
    assert "There is no setting" not in refused()


@pytest.mark.parametrize(("name", "value"), [("LOG", "secret"), ("SERVER__CORS_ORIGINS", "https://secret.example")])
def test_a_value_that_cannot_be_read_is_said_without_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A list that is no JSON and a group given as one value: the error says how, and never shows the value."""
    monkeypatch.setenv(name, value)
    message = refused()
    assert "JSON" in message
    assert "secret" not in message


def test_every_problem_is_told_at_once(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A wrong name and two wrong values are three problems."""
    monkeypatch.setenv("STT__ENGNE", "x")
    monkeypatch.setenv("STT__BEAM_SIZE", "99")
    (folder / "videochat.toml").write_text("[ai]\ntimeout = 0\n")
    message = refused()
    assert [name in message for name in ("STT__ENGNE", "STT__BEAM_SIZE", "AI__TIMEOUT")] == [True] * 3


def test_files_in_a_folder_are_secrets(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A file is named like its setting; it is stronger than `videochat.toml` and weaker than `.env`."""
    secrets = folder / "secrets"
    secrets.mkdir()
    for name, value in {
        "AI__API_KEY": "from-a-file\n",
        "AI__MODEL": "file",
        "ai__base_url": "file",
        "other": "x",
    }.items():
        (secrets / name).write_text(value)
    (folder / ".env").write_text(f"SECRETS_DIR={secrets}\nAI__MODEL=dotenv\n")
    (folder / "videochat.toml").write_text('[ai]\nbase_url = "toml"\nmodel = "toml"\ntimeout = 7\n')
    ai = load_settings().ai
    assert ai.api_key is not None
    assert (ai.api_key.get_secret_value(), ai.model, ai.base_url, ai.timeout) == ("from-a-file", "dotenv", "file", 7)
    monkeypatch.setenv("AI__API_KEY", "from-the-environment")
    assert load_settings().ai.api_key.get_secret_value() == "from-the-environment"  # type: ignore[union-attr]


SOURCES = ["arguments", "environment", ".env", "secrets", "videochat.toml"]
"""Strongest first."""


@pytest.mark.parametrize(("stronger", "weaker"), [*pairwise(SOURCES)])
def test_of_two_sources_the_stronger_one_counts(
    monkeypatch: pytest.MonkeyPatch, folder: Path, stronger: str, weaker: str
) -> None:
    """Each source is stronger than the next; what only the weaker one says counts too."""
    (folder / "secrets").mkdir()
    monkeypatch.setenv("SECRETS_DIR", str(folder / "secrets"))
    arguments: dict[str, str] = {}
    for source, values in {weaker: {"model": weaker, "base_url": weaker}, stronger: {"model": stronger}}.items():
        for name, value in values.items():
            match source:
                case "arguments":
                    arguments[name] = value
                case "environment":
                    monkeypatch.setenv(f"AI__{name.upper()}", value)
                case "secrets":
                    (folder / "secrets" / f"AI__{name.upper()}").write_text(value)
                case ".env":
                    add(folder / ".env", f"AI__{name.upper()}={value}\n")
                case "videochat.toml":
                    add(folder / "videochat.toml", f'ai.{name} = "{value}"\n')
    ai = load_settings(**({"ai": arguments} if arguments else {})).ai
    assert (ai.model, ai.base_url) == (stronger, weaker)


def add(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


def test_a_wrong_name_or_no_folder_of_secrets_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A secret that would silently not be read is worse than none."""
    monkeypatch.setenv("SECRETS_DIR", str(folder / "none"))
    assert "SECRETS_DIR" in refused()
    (folder / "none").mkdir()
    (folder / "none" / "AI__API_KY").write_text("secret-value")
    assert refused() == "There is no setting AI__API_KY (SECRETS_DIR); did you mean AI__API_KEY?"


@pytest.mark.parametrize("name", ["videochat.toml", ".env", "secrets/AI__API_KEY"])
def test_a_file_that_is_no_text_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    """Bytes that are not UTF-8 are a problem with a name, not a traceback."""
    (folder / "secrets").mkdir()
    monkeypatch.setenv("SECRETS_DIR", str(folder / "secrets"))
    (folder / name).write_bytes(b"x = '\xff\xfe'\n")
    assert "UTF-8" in refused()


def test_a_number_must_be_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Infinity cannot be said in JSON."""
    monkeypatch.setenv("AI__TIMEOUT", "inf")
    assert "AI__TIMEOUT" in refused()

"""Which settings change while the service runs, and how."""

from __future__ import annotations

import pytest

from videochat.errors import InvalidError, NotFoundError
from videochat.ops.live import RELOADABLE, SETTINGS, LiveSettings, reloadable
from videochat.settings import Settings, names


def test_every_setting_of_a_section_is_known() -> None:
    """Names are those of the environment; what stands outside the sections is fixed before anything runs."""
    assert {*SETTINGS} == {name for name in names() if "__" in name}


def test_addresses_folders_and_what_sends_keys_away_need_a_restart() -> None:
    """Nothing that the process has opened, and no address that a key is sent to, changes under it."""
    assert not {name for name in RELOADABLE if name.endswith(("URL", "HOST", "PORT", "PROVIDER"))}
    with pytest.raises(InvalidError, match="restart"):
        reloadable("AI__BASE_URL")
    with pytest.raises(NotFoundError):
        reloadable("STT__ENGIN")


def test_a_change_is_taken_up_as_a_whole_and_told_once() -> None:
    """Watchers see the settings before and now; what needs a restart stays and is listed."""
    live = LiveSettings(Settings())
    told: list[tuple[str, str]] = []
    live.watch(lambda before, now: told.append((before.stt.model, now.stt.model)))
    wanted = Settings(stt={"model": "tiny", "language": "en"}, server={"port": 9999})
    assert {*live.take_up(wanted)} == {"STT__MODEL", "STT__LANGUAGE"}
    assert (live.current.stt.model, live.current.stt.language, live.current.server.port) == ("tiny", "en", 8000)
    assert live.waiting == ("SERVER__PORT",)
    assert told == [("small", "tiny")]
    assert live.take_up(wanted) == ()
    assert len(told) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "testing"),
        ("SECRET_KEY", "another"),
        ("SECRETS_DIR", "/run/secrets"),
        ("DATA_DIR", "elsewhere"),
        ("SERVER__PORT", 9999),
    ],
)
def test_what_needs_a_restart_is_listed_wherever_it_stands(name: str, value: object) -> None:
    """Outside the sections as inside: it waits, stays as it was, and whoever would change it is told to restart."""
    section, _, field = name.lower().partition("__")
    live = LiveSettings(Settings())
    before = live.current
    assert live.take_up(Settings(**{section: {field: value} if field else value})) == ()
    assert (live.waiting, live.current) == ((name,), before)
    with pytest.raises(InvalidError, match="restart"):
        reloadable(name)


def test_a_change_that_somebody_refuses_changes_nothing() -> None:
    """When a service cannot work with the new settings, the old ones stay in force."""
    live = LiveSettings(Settings())

    def refuse(_before: Settings, _now: Settings) -> None:
        raise InvalidError("no")

    live.watch(refuse)
    with pytest.raises(InvalidError, match="no"):
        live.take_up(Settings(stt={"model": "tiny"}))
    assert live.current.stt.model == "small"


def test_what_is_wrong_is_named_without_the_value() -> None:
    """The value may be a secret in the wrong place."""
    with pytest.raises(InvalidError, match="STT__BEAM_SIZE") as raised:
        SETTINGS["STT__BEAM_SIZE"].within(Settings(), "sk-secret")
    assert "sk-secret" not in str(raised.value)

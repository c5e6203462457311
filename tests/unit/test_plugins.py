"""Entry points: who is found, and who is named when a plugin does not work."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from harness.plugin import install_plugin
from videochat.answers.provider import load_provider
from videochat.app import open_blobs
from videochat.errors import ConfigurationError, UnsupportedError
from videochat.ops.notifier import load_destinations
from videochat.ops.resources import Space
from videochat.passages.embedder import load_embedder
from videochat.plugins import GROUPS, Plugin, PluginError, installed, strangers
from videochat.sections import AiSettings, ServerSettings
from videochat.store.work import Workplace
from videochat.transcripts.catalogue import engine_named
from videochat.transcripts.catalogue import installed as engines
from videochat.transcripts.exporters import load_exporters
from videochat.web.middleware import load_middleware

FAULTS = {
    "import": "import there_is_no_such_module",
    "syntax": "def :",
    "own": "class OwnError(Exception): pass\nraise OwnError('first line\\nsecond line')",
    "exit": "raise SystemExit(3)",
    "missing": "",
}
MADE = """
class Thing:
    def __init__(self, *_): raise ZeroDivisionError("t0ken")
    @classmethod
    def from_settings(cls, *_): return cls()
    from_url = from_settings
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Give a function that installs a module with one plugin of each group, under one name."""

    def put(name: str, source: str) -> None:
        module = f"plugin_of_{tmp_path.name.replace('-', '_')}_{name}"
        (tmp_path / f"{module}.py").write_text(source)
        install_plugin(tmp_path, name, dict.fromkeys(GROUPS, f"{module}:Thing"))
        monkeypatch.syspath_prepend(tmp_path)

    return put


def choices(name: str, folder: Path) -> dict[str, object]:
    """Return a way of choosing the plugin of this name, for each group that is chosen in the settings."""
    place = Workplace(folder / "work", Space(folder, reserve=0))
    return {
        "videochat.blobs": lambda: open_blobs(f"{name}://t0ken", place),
        "videochat.embedders": lambda: load_embedder(name, AiSettings()),
        "videochat.engines": lambda: engine_named(name, engines()),
        "videochat.middleware": lambda: load_middleware(ServerSettings(middleware=[name])),
        "videochat.notifiers": lambda: load_destinations([SecretStr(f"{name}://t0ken")]),
        "videochat.providers": lambda: load_provider(name, AiSettings()),
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_plugin_that_is_chosen_is_named(install: object, tmp_path: Path, fault: str) -> None:
    """Whatever its import raises becomes one line with the plugin, its group and its package, in every group."""
    install("broken", FAULTS[fault])
    for group, choose in choices("broken", tmp_path).items():
        with pytest.raises(
            ConfigurationError, match=rf"'broken' of {group} \(broken-plugin 1.0\).*cannot be used"
        ) as refused:
            choose()
        assert "\n" not in refused.value.message
        assert "t0ken" not in refused.value.message


def test_a_plugin_that_cannot_be_made_is_named(install: object, tmp_path: Path) -> None:
    """Also where its module is fine; what it says is not repeated where an address may be in it."""
    install("faulty", MADE)
    ways = choices("faulty", tmp_path)
    told = {"videochat.embedders", "videochat.engines", "videochat.providers"}
    for group in ("videochat.blobs", "videochat.notifiers", *told):
        with pytest.raises(ConfigurationError, match=rf"'faulty' of {group}.*ZeroDivisionError") as refused:
            ways[group]()
        assert ("t0ken" in refused.value.message) == (group in told)


def test_a_broken_plugin_that_is_not_chosen_harms_nobody(install: object) -> None:
    """The built-ins of its groups work, and a broken format is left out of those that are offered."""
    install("broken", FAULTS["own"])
    exporters = load_exporters()
    assert "broken" in exporters.names
    assert exporters.usable() == ("srt", "vtt", "txt", "md", "json")
    with pytest.raises(UnsupportedError, match=r"'broken' of videochat.exporters.*OwnError: first line second line"):
        exporters.named("broken")
    assert load_provider("extractive", AiSettings()).name == "extractive"
    assert engine_named("pocketsphinx", engines()).basic
    assert load_destinations([SecretStr("json://127.0.0.1")])


@pytest.mark.parametrize(("name", "media_type"), [("doc", "'no type'"), ("doc", "None"), ("d.c", "'text/plain'")])
def test_a_format_must_say_what_it_is(install: object, name: str, media_type: str) -> None:
    """A name that no file can end with, or a media type that no header can carry, is a broken plugin."""
    install(name, f"class Thing: media_type = {media_type}")
    exporters = load_exporters()
    assert name not in exporters.usable()
    with pytest.raises(UnsupportedError, match=f"'{name}' of videochat.exporters"):
        exporters.named(name)


def test_nobody_takes_the_name_of_a_built_in(install: object) -> None:
    """What comes with us is found under its name whoever else uses it, and the other is still listed."""
    install("json", FAULTS["own"])
    assert installed("videochat.exporters")["json"].built_in
    assert load_exporters().named("json").media_type == "application/json"
    listed = [str(plugin) for plugin in strangers() if plugin.package == "json-plugin"]
    assert listed == [f"'json' of {group} (json-plugin 1.0)" for group in GROUPS]


def test_an_unknown_format_is_refused_with_what_there_is() -> None:
    """Subtitles come first, as in the page's menu."""
    with pytest.raises(UnsupportedError, match="srt, vtt, txt, md, json"):
        load_exporters().named("docx")


def test_an_unknown_middleware_is_refused_with_what_there_is(install: object) -> None:
    """So is an option for one that is not chosen, which would be a slip nobody sees."""
    with pytest.raises(ConfigurationError, match="SERVER__MIDDLEWARE: there is no 'x'; none is installed"):
        load_middleware(ServerSettings(middleware=["x"]))
    install("fine", "Thing = object")
    with pytest.raises(ConfigurationError, match="SERVER__MIDDLEWARE: there is no 'x'; known are fine"):
        load_middleware(ServerSettings(middleware=["fine", "x"]))
    with pytest.raises(ConfigurationError, match="SERVER__MIDDLEWARE_OPTIONS: fin is not in SERVER__MIDDLEWARE"):
        load_middleware(ServerSettings(middleware=["fine"], middleware_options={"fin": {}}))


def test_our_own_errors_stay_as_they_are() -> None:
    """A plugin that knows what is wrong says it itself."""
    plugin = next(iter(installed("videochat.providers").values()))
    with pytest.raises(ConfigurationError, match="Set AI__MODEL") as said, plugin.blamed():
        raise ConfigurationError("Set AI__MODEL.")
    assert not isinstance(said.value, PluginError)
    assert isinstance(plugin, Plugin)

"""Which engine listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from fake_engine import FakeEngine
from videochat.errors import ConfigurationError, EngineUnavailableError, NotFoundError, UnsupportedError
from videochat.sections import SttSettings
from videochat.transcripts.choose import Chosen, EngineChooser, base_language, threads_for
from videochat.transcripts.fetches import RETRY_SECONDS, FailedFetches

AUTO = SttSettings()


class Whisper(FakeEngine):
    """Stands for the good engine, whose model may have to be fetched."""

    name: ClassVar[str] = "faster-whisper"

    def __init__(self, models: set[str]) -> None:
        self._models = models

    def available(self, model: str) -> bool:
        return model in self._models


class Sphinx(FakeEngine):
    """Stands for the basic engine."""

    name: ClassVar[str] = "pocketsphinx"
    basic: ClassVar[bool] = True
    languages: ClassVar[frozenset[str] | None] = frozenset({"en"})
    only_model: ClassVar[str | None] = "en-us"


class World:
    """A machine with some models on its disk and a hub that knows others."""

    def __init__(self, *models: str, hub: tuple[str, ...] = ()) -> None:
        self.models = set(models)
        self.hub = hub
        self.fetched: list[tuple[str, str, float]] = []
        self.now = 0.0

    def chooser(self, failed: FailedFetches | None = None) -> EngineChooser:
        catalogue: dict[str, Callable[[], FakeEngine]] = {
            "faster-whisper": lambda: Whisper(self.models),
            "pocketsphinx": Sphinx,
            "fake": FakeEngine,
        }
        return EngineChooser(catalogue, self.fetch, lambda: self.now, failed)

    async def fetch(self, engine: str, model: str, seconds: float) -> None:
        await asyncio.sleep(0)
        self.fetched.append((engine, model, seconds))
        if model not in self.hub:
            raise EngineUnavailableError("The hub does not answer.")
        self.models.add(model)


async def test_auto_takes_whisper_when_its_model_is_there() -> None:
    """A model on the disk is used without asking any network."""
    world = World("small")
    chosen = await world.chooser().resolve(AUTO, fetch=True, threads=3)
    assert (chosen.engine, chosen.model, chosen.basic, chosen.hint, chosen.spec.threads) == (
        "faster-whisper", "small", False, None, 3,
    )  # fmt: skip
    assert world.fetched == []


async def test_auto_fetches_a_model_within_the_bounds() -> None:
    """A model that the hub knows is fetched, for at most the time that the settings allow."""
    world = World(hub=("small",))
    chosen = await world.chooser().resolve(SttSettings(fetch_seconds=77), fetch=True)
    assert chosen.engine == "faster-whisper"
    assert world.fetched == [("faster-whisper", "small", 77)]


async def test_auto_falls_back_to_the_basic_recogniser_and_says_so() -> None:
    """Without model and network the basic engine listens to English; its hint says how to get better text."""
    chosen = await World().chooser().resolve(AUTO, fetch=True)
    assert (chosen.engine, chosen.model, chosen.basic, chosen.language) == ("pocketsphinx", "en-us", True, "en")
    assert chosen.hint is not None
    assert "basic offline recogniser" in chosen.hint
    assert "STT__MODEL" in chosen.hint


@pytest.mark.parametrize(("fetch", "seconds"), [(False, 900), (True, 0)])
async def test_nothing_is_fetched_when_that_is_not_wanted(fetch: bool, seconds: float) -> None:
    """`demo` does not fetch, and neither does STT__FETCH_SECONDS=0."""
    world = World(hub=("small",))
    chosen = await world.chooser().resolve(SttSettings(fetch_seconds=seconds), fetch=fetch)
    assert (chosen.engine, world.fetched) == ("pocketsphinx", [])


async def test_a_failed_fetch_is_remembered_for_some_minutes() -> None:
    """The next jobs do not wait for a hub that has just not answered; later ones try again."""
    world = World()
    chooser = world.chooser()
    await chooser.resolve(AUTO, fetch=True)
    await chooser.resolve(AUTO, fetch=True)
    assert len(world.fetched) == 1
    world.now = RETRY_SECONDS + 1
    await chooser.resolve(AUTO, fetch=True)
    assert len(world.fetched) == 2


async def test_other_processes_remember_a_failed_fetch_too(tmp_path: Path) -> None:
    """One command after the other starts at once, until the time is over; another model is tried, and who asks for it too."""
    world, file = World(), tmp_path / "failed.json"

    def another_process() -> EngineChooser:
        return world.chooser(FailedFetches(file, lambda: world.now))

    for _ in range(3):
        assert (await another_process().resolve(AUTO, fetch=True)).engine == "pocketsphinx"
    assert len(world.fetched) == 1
    await another_process().resolve(SttSettings(model="base"), fetch=True)
    assert len(world.fetched) == 2
    with pytest.raises(EngineUnavailableError, match="hub"):
        await another_process().resolve(SttSettings(engine="faster-whisper"), fetch=True)
    assert len(world.fetched) == 3
    world.now, world.hub = RETRY_SECONDS + 1, ("small",)
    assert (await another_process().resolve(AUTO, fetch=True)).engine == "faster-whisper"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": ["x", "y"]}', '{"a": [null, "y"]}'])
def test_a_broken_memory_is_none(tmp_path: Path, text: str) -> None:
    """Nothing that stands in the file, nor a folder that is missing or a clock that was put back, keeps from trying."""
    file = tmp_path / "failed.json"
    file.write_text(text)
    assert FailedFetches(file).recent("faster-whisper", "small") is None
    FailedFetches(file).note("faster-whisper", "small", "no network")
    assert FailedFetches(file).recent("faster-whisper", "small") == "no network"
    assert FailedFetches(file, lambda: 0.0).recent("faster-whisper", "small") is None
    missing = FailedFetches(tmp_path / "missing" / "failed.json")
    missing.note("faster-whisper", "small", "no network")
    assert missing.recent("faster-whisper", "small") is None


async def test_two_jobs_fetch_a_model_once() -> None:
    """Whoever comes while a model is being fetched waits for it."""
    world = World(hub=("small",))
    chooser = world.chooser()
    chosen = await asyncio.gather(*(chooser.resolve(AUTO, fetch=True) for _ in range(3)))
    assert {one.engine for one in chosen} == {"faster-whisper"}
    assert len(world.fetched) == 1


@pytest.mark.parametrize("engine", ["auto", "pocketsphinx"])
async def test_another_language_is_refused_with_the_way_out(engine: str) -> None:
    """The basic engine does not pretend to know Chinese: the error says how to get a model."""
    with pytest.raises(UnsupportedError, match=r"basic offline recogniser.*en, not zh.*STT__MODEL=small"):
        await World().chooser().resolve(SttSettings(engine=engine), "zh", fetch=False)


async def test_an_engine_that_was_asked_for_is_never_replaced() -> None:
    """Who sets faster-whisper gets it or an error, not other text in silence."""
    with pytest.raises(EngineUnavailableError, match="small of faster-whisper"):
        await World().chooser().resolve(SttSettings(engine="faster-whisper"), fetch=False)


async def test_an_unknown_engine_is_a_configuration_error() -> None:
    """The error lists what there is."""
    with pytest.raises(ConfigurationError, match="faster-whisper, pocketsphinx"):
        await World().chooser().resolve(SttSettings(engine="nobody"), fetch=False)


async def test_the_recording_s_language_beats_the_setting() -> None:
    """A job's own language comes before STT__LANGUAGE, and regions are dropped."""
    chooser = World("small").chooser()
    assert (await chooser.resolve(SttSettings(language="de"), "pt-BR", fetch=False)).language == "pt"
    assert (await chooser.resolve(SttSettings(language="de"), fetch=False)).language == "de"
    assert (await chooser.resolve(SttSettings(), fetch=False)).language is None


async def test_what_was_chosen_survives_json() -> None:
    """A job keeps its choice in the database and finds the same one after a restart."""
    chosen = await World("small").chooser().resolve(AUTO, "en", fetch=False)
    assert Chosen.from_json(chosen.to_json()) == chosen
    assert chosen.options(SttSettings(beam_size=2, hotwords="tide")).hotwords == "tide"


def test_the_description_costs_nothing_and_never_fails() -> None:
    """/api/system says what would listen now, without a fetch, and with a reason when nothing would."""
    world = World(hub=("small",))
    description = world.chooser().describe(AUTO)
    assert (description.name, description.model, description.basic, world.fetched) == (
        "pocketsphinx",
        "en-us",
        True,
        [],
    )
    assert (description.hint_code, description.better) == (
        "basic",
        {"STT__ENGINE": "faster-whisper", "STT__MODEL": "small"},
    )
    world.models.add("small")
    better = world.chooser().describe(AUTO)
    assert (better.name, better.hint, better.hint_code, better.better) == ("faster-whisper", None, None, None)
    unknown = world.chooser().describe(SttSettings(engine="nobody"))
    assert unknown.hint is not None
    assert "no engine 'nobody'" in unknown.hint
    assert unknown.hint_code == "unusable"


def test_a_missing_model_is_described_before_it_is_needed() -> None:
    """With faster-whisper asked for and no model yet, the hint says what the first job will do."""
    described = World().chooser().describe(SttSettings(engine="faster-whisper"))
    assert described.hint is not None
    assert "fetches" in described.hint
    assert described.hint_code == "model_missing"


def test_names_stand_for_engines_and_models_on_this_disk() -> None:
    """Both can be asked for by name; what would have to be fetched is not offered, but its engine can be."""
    chooser = World("small").chooser()
    assert chooser.names(AUTO) == ["faster-whisper", "small", "pocketsphinx", "fake"]
    assert chooser.choices("pocketsphinx") == {"engine": "pocketsphinx"}
    assert chooser.choices("small") == {"engine": "faster-whisper", "model": "small"}
    away = World().chooser()
    assert "faster-whisper" not in away.names(AUTO)
    assert away.choices("faster-whisper") == {"engine": "faster-whisper"}


@pytest.mark.parametrize("name", ["/etc", "../models", "Systran/faster-whisper-tiny", "", ".", "a" * 81, "small\n"])
def test_a_folder_is_no_name(name: str) -> None:
    """Who asks over the network chooses no path of this machine, and no download."""
    with pytest.raises(NotFoundError) as caught:
        World(name).chooser().choices(name)
    assert caught.value.reason == "model_not_found"
    assert name not in World(name).chooser().names(SttSettings(model=name))


def test_a_broken_engine_hides_no_other() -> None:
    """It is left out of the names, and asking for it is asking for nothing."""

    def broken() -> FakeEngine:
        raise ConfigurationError("The plugin is broken.")

    chooser = EngineChooser({"broken": broken, "pocketsphinx": Sphinx})
    assert chooser.names(AUTO) == ["pocketsphinx"]
    with pytest.raises(NotFoundError):
        chooser.choices("broken")


@pytest.mark.parametrize(
    ("given", "expected"), [("en-US", "en"), ("ZH_cn", "zh"), (" fr ", "fr"), ("", None), (None, None)]
)
def test_regions_are_dropped(given: str | None, expected: str | None) -> None:
    """Engines know languages, not regions."""
    assert base_language(given) == expected


@pytest.mark.parametrize(
    ("cores", "concurrency", "threads"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (2, 2, 1), (2, 4, 1), (1, 1, 1)]
)
def test_threads_share_the_cores(cores: int, concurrency: int, threads: int) -> None:
    """The cores are divided, no more threads than there are of them, but each process has at least one; a setting wins."""
    assert threads_for(SttSettings(), concurrency, cores) == threads
    assert threads_for(SttSettings(threads=5), concurrency, cores) == 5

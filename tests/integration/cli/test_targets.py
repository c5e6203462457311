"""Which recording a person means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from library import add_media, come_here
from videochat.app import App, open_app
from videochat.cli.targets import MOST_CANDIDATES, recording
from videochat.errors import ConflictError, InvalidError, NotFoundError
from videochat.jobs.parameters import freeze
from videochat.ops.actor import LOCAL
from videochat.settings import load_settings


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    """Give an App on each kind of database."""
    async with open_app(load_settings(data_dir=tmp_path / "data", database={"url": database_url})) as opened:
        yield opened


async def named(app: App, **names: str) -> None:
    """Put media with these ids and names into the library."""
    for medium, name in names.items():
        await add_media(app.database, medium)
        await app.media.rename(LOCAL, medium, name)


@pytest.mark.parametrize(
    ("target", "medium"),
    [
        ("med_1", "med_1"),
        ("Talk.mp4", "med_1"),
        ("tAlK.MP4", "med_1"),
        ("talk", "med_1"),
        ("STRASSE", "med_2"),
        ("über.wav", "med_3"),
        ("Überu\N{COMBINING DIAERESIS}ber", "med_5"),
        ("med_1.mp4", "med_4"),
        ("q3/q4 report", "med_6"),
    ],
)
async def test_an_id_or_a_name_in_any_case_finds_the_recording(app: App, target: str, medium: str) -> None:
    """Ids come first, names may leave out their extension, and case and composition of letters do not count."""
    await named(
        app,
        med_1="Talk.mp4",
        med_2="Straße.mp4",
        med_3="Über.wav",
        med_4="med_1.mp4",
        med_5="überüber.ogg",
        med_6="Q3/Q4 report.mp4",
    )
    assert (await recording(app, target)).id == medium


async def test_the_closest_name_wins(app: App) -> None:
    """What is written exactly so is meant, before what differs in case or has an extension more."""
    await named(app, med_1="talk", med_2="Talk", med_3="talk.mp4", med_4="TALK.MP4")
    assert (await recording(app, "talk")).id == "med_1"
    assert (await recording(app, "TALK.MP4")).id == "med_4"


async def test_a_name_of_several_lists_them(app: App) -> None:
    """Nothing is guessed: the error gives the ids to choose from."""
    await named(app, med_1="talk.mp4", med_2="talk.wav", med_3="other.mp4")
    with pytest.raises(ConflictError, match=r"^2 recordings are called Talk; .*med_2 \(talk.wav, 0:10:00") as error:
        await recording(app, "Talk")
    assert error.value.reason == "ambiguous"
    assert "med_1" in error.value.message
    assert "med_3" not in error.value.message


async def test_a_name_of_very_many_lists_some_and_says_so(app: App) -> None:
    """An error stays readable in a library of hundreds of namesakes."""
    await named(app, **{f"med_{n}": "talk.mp4" for n in range(MOST_CANDIDATES + 2)})
    with pytest.raises(ConflictError, match="2 more") as error:
        await recording(app, "talk.mp4")
    assert error.value.message.count("med_") == MOST_CANDIDATES


async def test_a_file_means_its_content(app: App, tmp_path: Path) -> None:
    """A file that is not in the library is not confused with a recording of the same name."""
    await named(app, med_1="talk.mp4")
    file = tmp_path / "talk.mp4"
    file.write_bytes(b"something else")
    with pytest.raises(NotFoundError, match="is not in the library"):
        await recording(app, str(file))


LINK = "https://media.example.org/lecture.mp4?a=1&b=2"


async def asked(app: App, url: str, **choices: str) -> str:
    """Ask for what the link leads to and return the id of the medium that is expected."""
    return (await app.jobs.submit_link(LOCAL, url, freeze(app.settings, **choices))).media_id


async def test_a_link_means_what_came_from_it(app: App) -> None:
    """Also while it is still on its way and after it got another name; another link leads elsewhere."""
    medium, other = await asked(app, LINK), await asked(app, f"{LINK}&c=3")
    assert (await recording(app, LINK)).id == medium
    await app.media.rename(LOCAL, medium, "Lecture")
    assert [(await recording(app, link)).id for link in (f" {LINK} ", f"{LINK}&c=3")] == [medium, other]


async def test_what_is_here_goes_before_what_is_on_its_way(app: App) -> None:
    """Who asked for the link again, in another language, can still read what there is."""
    medium = await asked(app, LINK)
    await come_here(app.database, medium)
    again = await asked(app, LINK, language="de")
    assert (await recording(app, LINK)).id == medium != again
    await app.media.delete(LOCAL, medium)
    assert (await recording(app, LINK)).id == again


async def test_a_link_that_nobody_asked_for_is_said(app: App) -> None:
    """The error gives the command that fetches it, quoted for a shell, and nothing is fetched or queued."""
    with pytest.raises(NotFoundError, match="is not in the library") as error:
        await recording(app, LINK)
    assert f"`videochat transcribe '{LINK}'`" in error.value.message
    with pytest.raises(InvalidError, match="This is no link"):
        await recording(app, "ftp://media.example.org/lecture.mp4")
    assert (await app.media.list(LOCAL)).items == (await app.jobs.list(LOCAL)).items == []

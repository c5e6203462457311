"""Passages on real databases: the same hits on both, only one's own, only the newest transcript."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from library import add_media, add_recording, add_transcript, spoken
from videochat.errors import TooLargeError
from videochat.ops.actor import LOCAL, Actor
from videochat.passages.hit import Hit
from videochat.passages.service import PassageService
from videochat.store.session import Database

LECTURE = (
    "Welcome to this lecture about plants.",
    "Photosynthesis turns light into sugar.",
    "Chlorophyll absorbs red and blue light.",
    "The teacher's café didn't open at 1,000 metres.",
    "机器学习是人工智能的一个分支。",
    "我们今天讨论神经网络。",
    "Error code 1e5 is in snake_case, see https://example.org/a-b.",
)


def places(hits: list[Hit]) -> list[tuple[str, float, str]]:
    return [(hit.media_id, hit.start, hit.text) for hit in hits]


@pytest.mark.parametrize(
    ("query", "start", "marked"),
    [
        ("photosynthesis", 5.0, "<mark>Photosynthesis</mark> turns"),
        ("BLUE light", 10.0, "<mark>blue</mark> <mark>light</mark>"),
        ("cafe\u0301", 15.0, "<mark>café</mark>"),
        ("didn’t", 15.0, "<mark>didn't</mark>"),
        ("1000", 15.0, "<mark>1,000</mark>"),
        ("学习", 20.0, "机器<mark>学习</mark>是"),
        ("神经网络", 25.0, "<mark>神经网络</mark>。"),
        ("1e5", 30.0, "<mark>1e5</mark>"),
        ("case", 30.0, "snake_<mark>case</mark>"),
        ("a-b", 30.0, "<mark>a</mark>-<mark>b</mark>"),
    ],
)
async def test_a_query_finds_the_second_where_it_was_said(
    database: Database, query: str, start: float, marked: str
) -> None:
    """Both databases find each kind of term, and the hit begins at its segment."""
    await add_recording(database, "m1", *LECTURE)
    hits = await PassageService(database).search(LOCAL, query)
    assert [hit.start for hit in hits] == [start]
    assert marked in hits[0].text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('"', 0), ("", 0), ("-", 0), ("\x00", 0), ("zebra*", 0), ("terms:zebra", 0), ("zebra' | 'light", 2),
        ('"light', 2), ("light*", 2), ("NEAR(light)", 2), ("light) OR (", 2), ("^light", 2), ("lig*", 0),
    ],
)  # fmt: skip
async def test_a_query_is_never_syntax(database: Database, query: str, found: int) -> None:
    """Whatever stands in the query, nothing fails and only words count."""
    await add_recording(database, "m1", *LECTURE)
    assert len(await PassageService(database).search(LOCAL, query)) == found


async def test_hits_with_all_words_come_alone_else_those_with_some(database: Database) -> None:
    """Strict first; a query that matches nothing strictly falls back to any of its words that says something."""
    await add_recording(database, "m1", "Neural networks learn.", "Nothing else.")
    await add_recording(database, "m2", "Computer networks transport packets.")
    await add_recording(database, "m3", "This is about the weather.")
    service = PassageService(database)
    assert [hit.media_id for hit in await service.search(LOCAL, "neural networks")] == ["m1"]
    assert {hit.media_id for hit in await service.search(LOCAL, "what is quantum networks about")} == {"m1", "m2"}


async def test_every_line_is_found_the_phrase_first_then_in_the_order_of_time(database: Database) -> None:
    """A word said six times is found six times; who said it as asked comes first, whatever the score of the others."""
    lines = ["The tree grows.", "A chemical, and green.", "Nothing.", "This tree!", "Tree.", "The green chemical."]
    await add_recording(database, "m1", *lines, *["Filler words." for _ in range(30)], "tree", "One tree more.")
    await add_recording(database, "m2", "Green, green, green: a chemical is green.", "Tree")
    service = PassageService(database)
    assert [hit.start for hit in await service.search(LOCAL, "tree", media=["m1"])] == [0.0, 15.0, 20.0, 180.0, 185.0]
    found = await service.search(LOCAL, "green chemical")
    assert (found[0].media_id, found[0].start) == ("m1", 25.0)
    assert sorted((hit.media_id, hit.start) for hit in found) == [("m1", 5.0), ("m1", 25.0), ("m2", 0.0)]
    assert [hit.start for hit in await service.search(LOCAL, "tree", media=["m1"], limit=2)] == [0.0, 15.0]


async def test_nobody_finds_the_media_of_others(database: Database) -> None:
    """Search and retrieval see the actor's media only, also when the other medium is asked for by its id."""
    await add_recording(database, "mine", "A shared secret.", owner="me")
    await add_recording(database, "theirs", "A shared secret.", owner="them")
    service = PassageService(database)
    for media in (None, ["mine", "theirs"]):
        assert [hit.media_id for hit in await service.search(Actor("me"), "secret", media=media)] == ["mine"]
        found = await service.retrieve(Actor("me"), "secret?", media=media)
        assert [one.passage.media_id for one in found] == ["mine"]
    assert await service.search(Actor("me"), "secret", media=["theirs"]) == []
    assert await service.search(Actor("me"), "secret", media=[]) == []


async def test_only_the_newest_transcript_is_searched(database: Database) -> None:
    """A second transcription replaces the first in the search from its first window on, and for good when retired."""
    await add_media(database, "m")
    await add_transcript(database, "m", spoken("An old mistake about whales."), transcript_id="old", age=1)
    service = PassageService(database)
    assert await service.search(LOCAL, "mistake")
    await add_transcript(database, "m", spoken("The correct text about whales."), transcript_id="new", status="partial")
    assert await service.search(LOCAL, "mistake") == []
    assert len(await service.search(LOCAL, "whales")) == 1
    async with database.write() as session:
        await service.retire(session, "m", keep="new")
    async with database.read() as session:
        assert (await session.execute(text("SELECT transcript_id FROM passages"))).scalars().all() == ["new"]
    assert len(await service.search(LOCAL, "whales")) == 1


async def test_adding_a_window_again_changes_nothing(database: Database) -> None:
    """A step that is repeated after a crash leaves the same passages."""
    await add_media(database, "m")
    segments = spoken(*LECTURE)
    await add_transcript(database, "m", segments)
    service = PassageService(database)
    before = await service.search(LOCAL, "light")
    async with database.write() as session:
        await service.add(session, media_id="m", transcript_id="tr_m", window=0, segments=segments)
    assert await service.search(LOCAL, "light") == before
    async with database.write() as session:
        more = spoken("A second window.", first=len(segments))
        await service.add(session, media_id="m", transcript_id="tr_m", window=1, segments=more)
    async with database.read() as session:
        assert (await session.execute(text("SELECT n FROM passages ORDER BY n"))).scalars().all() == [0, 1]


async def test_a_deleted_medium_leaves_the_index(database: Database) -> None:
    """The cascade from the medium reaches the index, which the database itself finds sound."""
    await add_recording(database, "m1", "Whales sing.")
    await add_recording(database, "m2", "Whales swim.")
    async with database.write() as session:
        await session.execute(text("DELETE FROM media WHERE id = 'm1'"))
        if database.dialect == "sqlite":
            await session.execute(text("INSERT INTO passages_fts(passages_fts) VALUES ('integrity-check')"))
    assert [hit.media_id for hit in await PassageService(database).search(LOCAL, "whales")] == ["m2"]


async def test_too_long_a_query_is_refused(database: Database) -> None:
    """A query beyond 1000 characters is an error and no work."""
    with pytest.raises(TooLargeError, match="1000"):
        await PassageService(database).search(LOCAL, "x" * 1001)

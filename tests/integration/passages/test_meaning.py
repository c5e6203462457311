"""Search by meaning on real databases: what it finds, what it must not show, and that nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from fake_embedder import FakeEmbedder
from library import add_media, add_recording, add_transcript, spoken
from meanings import Search, search_of
from videochat.errors import EmbedderError, EmbedderUnavailableError
from videochat.ops.actor import LOCAL, Actor
from videochat.ops.breaker import FAILURES
from videochat.passages import nearest
from videochat.passages.hit import Hit
from videochat.passages.service import PassageService
from videochat.store.session import Database
from waiting import until

GARAGE = ("He drove his automobile home.", "Then it <rained> & poured.")
KENNEL = ("A puppy slept in the sun.",)


@pytest.fixture
async def search(database: Database) -> AsyncIterator[Search]:
    async with search_of(database) as opened:
        yield opened


def media(hits: list[Hit]) -> list[str]:
    return [hit.media_id for hit in hits]


async def test_a_paraphrase_is_found_with_an_embedder_and_not_without(search: Search) -> None:
    """Not one word is common to query and passage; the hit is the passage, escaped and without marks."""
    await add_recording(search.database, "garage", *GARAGE)
    await add_recording(search.database, "kennel", *KENNEL)
    await search.embed_all()
    assert await PassageService(search.database).search(LOCAL, "vehicle") == []
    hit = (await search.passages.search(LOCAL, "vehicle"))[0]
    assert (hit.media_id, hit.name, hit.start, hit.end, hit.segments) == ("garage", "garage.mp4", 0.0, 10.0, (0, 1))
    assert hit.text == "He drove his automobile home. Then it &lt;rained&gt; &amp; poured."
    assert media(await search.passages.search(LOCAL, "hound"))[0] == "kennel"
    found = await search.passages.retrieve(LOCAL, "Which hound?")
    assert found[0].passage.media_id == "kennel"
    assert found[0].score > 0
    assert search.outcomes() == {"ok": 3}


async def test_what_words_and_meaning_found_is_one_order(search: Search) -> None:
    """A place with the word and the meaning comes first, with its marks, and no place twice."""
    await add_recording(search.database, "named", "The vehicle stands here.")
    await add_recording(search.database, "meant", "An automobile.")
    await search.embed_all()
    hits = await search.passages.search(LOCAL, "vehicle")
    assert media(hits) == ["named", "meant"]
    assert ["<mark>" in hit.text for hit in hits] == [True, False]
    assert hits[0].score > hits[1].score
    assert media(await search.passages.search(LOCAL, "vehicle", limit=1)) == ["named"]
    assert [one.passage.media_id for one in await search.passages.retrieve(LOCAL, "vehicle")] == ["named", "meant"]


async def test_nobody_finds_the_media_of_others_by_their_meaning(search: Search) -> None:
    """However near theirs are, and however many, one's own are found; also when theirs are asked for by name."""
    await add_recording(search.database, "mine", "A puppy, and an automobile among many other words.", owner="me")
    for n in range(30):
        await add_recording(search.database, f"theirs{n}", "automobile", owner="them")
    await search.embed_all()
    for asked in (None, ["mine", "theirs1"]):
        hits = await search.passages.search(Actor("me"), "vehicle", media=asked, limit=5)
        assert media(hits) == ["mine"]
        found = await search.passages.retrieve(Actor("me"), "vehicle", media=asked, limit=5)
        assert [one.passage.media_id for one in found] == ["mine"]
    assert await search.passages.search(Actor("me"), "vehicle", media=["theirs1"]) == []
    assert await search.passages.search(Actor("me"), "vehicle", media=[]) == []
    assert await search.passages.search(Actor("nobody"), "vehicle") == []
    lent = Actor("nobody", lent=frozenset({"theirs2"}))
    assert media(await search.passages.search(lent, "vehicle")) == ["theirs2"]


async def test_what_was_taken_back_meanwhile_is_not_shown(search: Search) -> None:
    """The vectors in memory are of before; the database is asked for who may read what now, and what is still there."""
    await add_recording(search.database, "a", "automobile")
    await add_recording(search.database, "b", "automobile")
    await search.embed_all()
    async with search.database.write() as session:
        await session.execute(text("DELETE FROM media WHERE id = 'b'"))
    assert media(await search.passages.search(LOCAL, "vehicle")) == ["a"]
    # SQLite gives the new passage the id of the deleted one, whose vector is still in memory.
    await add_recording(search.database, "c", "Something else.")
    assert media(await search.passages.search(LOCAL, "vehicle")) == ["a"]
    await search.nearest.refresh()
    assert media(await search.passages.search(LOCAL, "vehicle")) == ["a"]


@pytest.mark.parametrize("error", [EmbedderError(), EmbedderUnavailableError()])
async def test_a_failing_embedder_costs_nobody_the_words(search: Search, error: EmbedderError) -> None:
    """The hits are those of the words, unchanged, and it is counted why."""
    await add_recording(search.database, "garage", *GARAGE)
    await search.embed_all()
    search.embedder.error = error
    plain = await PassageService(search.database).search(LOCAL, "automobile")
    assert await search.passages.search(LOCAL, "automobile") == plain != []
    found = await search.passages.retrieve(LOCAL, "automobile")
    assert [one.passage.media_id for one in found] == ["garage"]
    assert search.outcomes() == {error.code: 2}


async def test_a_slow_embedder_is_not_waited_for(search: Search) -> None:
    """After a second the words' hits are there; after some such searches the embedder is not even asked."""
    await add_recording(search.database, "garage", *GARAGE)
    await search.embed_all()
    search.embedder.delay = 60.0
    for n in range(FAILURES + 2):
        began = time.monotonic()
        assert media(await search.passages.search(LOCAL, f"automobile{' ' * n}")) == ["garage"]
        assert time.monotonic() - began < 1.5
    assert time.monotonic() - began < 0.5
    assert search.outcomes() == {"slow": FAILURES, "embedder_unavailable": 2}


async def test_vectors_that_are_still_being_read_are_not_waited_for(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first search of a process waits for them a second at most; small libraries are read within it."""
    await add_recording(search.database, "garage", *GARAGE)
    while await search.backfill.batch():
        pass
    monkeypatch.setattr(nearest, "PATIENCE_SECONDS", 0.0)
    assert await search.passages.search(LOCAL, "vehicle") == []
    assert search.outcomes() == {"slow": 1}
    monkeypatch.undo()
    assert media(await search.passages.search(LOCAL, "vehicle")) == ["garage"]


async def test_the_same_query_is_computed_once(search: Search) -> None:
    """Whoever turns pages or asks again pays nothing; a query without words is not sent at all."""
    for query in ("vehicle", "vehicle", "?!", "", "vehicle"):
        await search.passages.search(LOCAL, query)
    assert search.embedder.texts == ["vehicle"]


async def test_new_vectors_are_seen_and_gone_ones_forgotten(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that goes on searching sees what a worker has added, without being told, under another name of the state."""
    monkeypatch.setattr(nearest, "FRESH_SECONDS", 0.05)
    await search.embed_all()
    empty = search.nearest.state
    await add_recording(search.database, "garage", *GARAGE)
    while await search.backfill.batch():
        pass

    async def found() -> list[str]:
        return media(await search.passages.search(LOCAL, "vehicle"))

    async def sees() -> bool:
        return await found() == ["garage"]

    await until(sees)
    assert search.nearest.state != empty
    async with search.database.write() as session:
        await session.execute(text("DELETE FROM media WHERE id = 'garage'"))
    await until(lambda: search.nearest.state == empty)


async def test_only_so_much_memory_is_used_and_the_newest_come_first(database: Database) -> None:
    """What does not fit is found by words alone."""
    for n in range(3):
        await add_media(database, f"m{n}")
        await add_transcript(database, f"m{n}", spoken("automobile"), age=n)
    async with search_of(database, max_bytes=2 * (64 + 12)) as search:
        await search.embed_all()
        assert {*media(await search.passages.search(LOCAL, "vehicle"))} == {"m0", "m1"}
        assert search.nearest._shelf.size == 2 * (64 + 12)
        assert {*media(await search.passages.search(LOCAL, "automobile"))} == {"m0", "m1", "m2"}


async def test_vectors_of_two_models_are_never_mixed(database: Database) -> None:
    """After a change of the model every passage is computed anew, and until then found by words alone; a way back is free."""
    await add_recording(database, "garage", *GARAGE)
    async with search_of(database, FakeEmbedder("one")) as search:
        await search.embed_all()
    async with search_of(database, FakeEmbedder("two", width=32)) as search:
        await search.nearest.refresh()
        assert await search.passages.search(LOCAL, "vehicle") == []
        await search.embed_all()
        assert media(await search.passages.search(LOCAL, "vehicle")) == ["garage"]
        assert len(search.embedder.texts) == 2
    async with search_of(database, FakeEmbedder("one")) as search:
        assert not await search.backfill.is_due()
        await search.nearest.refresh()
        assert media(await search.passages.search(LOCAL, "vehicle")) == ["garage"]
        assert search.embedder.texts == ["vehicle"]

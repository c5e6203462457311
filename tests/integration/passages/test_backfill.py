"""Vectors of passages on real databases: every passage gets one, and none is paid for twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from library import add_media, add_recording, add_transcript, spoken
from meanings import Search, search_of
from videochat.errors import EmbedderError, EmbedderUnavailableError
from videochat.ops.actor import LOCAL
from videochat.passages import backfill, vector_repository
from videochat.passages.meaning import Progress
from videochat.store.session import Database


@pytest.fixture
async def search(database: Database) -> AsyncIterator[Search]:
    async with search_of(database) as opened:
        yield opened


async def sizes(database: Database) -> list[int]:
    """Return the length of each stored vector, in the order of the passages."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT length(vector) FROM vectors ORDER BY passage_id, model"))
        return [*rows.scalars()]


async def test_what_was_there_before_gets_its_vectors_in_batches(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest first, a few at a time, and it can be seen how far it is."""
    monkeypatch.setattr(backfill, "AT_ONCE", 2)
    for n in range(5):
        await add_recording(search.database, f"m{n}", f"Recording {n}.")
    assert await search.progress() == Progress(5, 0)
    assert await search.backfill.batch() == 2
    assert search.embedder.texts == ["Recording 4.", "Recording 3."]
    assert await search.progress() == Progress(5, 2)
    await search.embed_all()
    assert await search.progress() == Progress(5, 5)
    assert await search.backfill.batch() == 0
    assert await sizes(search.database) == [64] * 5


async def test_the_same_text_is_computed_once(search: Search) -> None:
    """In one batch, in a later one, and of another owner."""
    await add_recording(search.database, "a", "The same words.")
    await add_recording(search.database, "b", "The same words.")
    await search.embed_all()
    await add_recording(search.database, "c", "The same words.", owner="them")
    await search.embed_all()
    assert search.embedder.texts == ["The same words."]
    assert await search.progress() == Progress(3, 3)
    counted = search.metrics.totals()["videochat_embedded_passages"]
    assert counted == {("computed",): (2.0,), ("taken over",): (1.0,)}


async def test_a_new_transcript_takes_over_what_it_says_again(search: Search) -> None:
    """Transcribed again, with the passages of before removed at the end, only the changed text is computed."""
    await add_media(search.database, "m")
    first = [*spoken("Unchanged words."), *spoken("Old words.", first=20)]
    await add_transcript(search.database, "m", first, transcript_id="old", age=1)
    await search.embed_all()
    assert len(search.embedder.texts) == 2
    segments = [*spoken("Unchanged words."), *spoken("New words.", first=20)]
    await add_transcript(search.database, "m", segments, transcript_id="new", passages=search.passages)
    async with search.database.write() as session:
        await search.passages.retire(session, "m", keep="new")
    assert await search.progress() == Progress(2, 1)
    await search.embed_all()
    assert search.embedder.texts[2:] == ["New words."]
    assert await search.progress() == Progress(2, 2)


async def test_vectors_go_with_their_passages(search: Search) -> None:
    """What was deleted leaves nothing behind that says what was said."""
    await add_recording(search.database, "a", "Secret words.")
    await search.embed_all()
    async with search.database.write() as session:
        await session.execute(text("DELETE FROM media"))
    assert await sizes(search.database) == []


async def test_what_is_deleted_while_its_vector_is_computed_gets_none(search: Search) -> None:
    """Nor does a passage that has got its id meanwhile."""
    await add_recording(search.database, "a", "Words.")
    async with search.database.read() as session:
        bare = await vector_repository.bare(session, search.nearest.model, 10)
    async with search.database.write() as session:
        await session.execute(text("DELETE FROM media"))
    await add_recording(search.database, "b", "Other words.")
    async with search.database.write() as session:
        assert await vector_repository.store(session, search.nearest.model, bare, {bare[0].digest: b"12"}) == 0
    assert await sizes(search.database) == []


async def test_a_text_that_is_refused_keeps_no_other_waiting(search: Search) -> None:
    """It is asked for once and no more; it is found by its words."""
    for n in range(3):
        await add_recording(search.database, f"m{n}", f"An automobile {n}." + " Unspeakable." * (n == 1))
    search.embedder.refuses = "Unspeakable"
    await search.embed_all()
    assert await sizes(search.database) == [64, 0, 64]
    asked = len(search.embedder.texts)
    assert await search.backfill.batch() == 0
    assert len(search.embedder.texts) == asked
    assert {hit.media_id for hit in await search.passages.search(LOCAL, "vehicle")} == {"m0", "m2"}
    found = await search.passages.search(LOCAL, "unspeakable")
    assert found[0].media_id == "m1"


@pytest.mark.parametrize("error", [EmbedderError("The key is wrong."), EmbedderUnavailableError()])
async def test_an_embedder_that_takes_nothing_refuses_no_text(search: Search, error: EmbedderError) -> None:
    """A wrong key or a service that is away says nothing about the texts: they wait."""
    await add_recording(search.database, "a", "Words.")
    search.embedder.error = error
    with pytest.raises(EmbedderError):
        await search.backfill.batch()
    assert await sizes(search.database) == []
    search.embedder.error = None
    await search.embed_all()
    assert await sizes(search.database) == [64]


async def test_a_very_long_passage_is_shortened_for_the_embedder(search: Search) -> None:
    """An engine that stammers does not make requests that no service takes."""
    await add_recording(search.database, "a", "uh " * 4000)
    await search.embed_all()
    assert [len(one) for one in search.embedder.texts] == [4000]

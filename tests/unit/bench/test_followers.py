"""What clients of event streams are told is compared with what happened."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import create_engine, text

from harness.followers import Follower, Life, Told, Verdict, everything, judge, read_events, read_truth


def segments(*ids: int) -> list[Told]:
    return [Told(n, "segments", {"n": n}) for n in ids]


TRUTH = [*segments(2, 4, 6), Told(8, "job", {"status": "completed"}), Told(9, "end", {})]


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (TRUTH, Verdict(expected=5)),
        ([Told(1, "job", {}), *TRUTH], Verdict(expected=5)),  # a state that the table no longer keeps
        ([*TRUTH[:1], *TRUTH[2:]], Verdict(expected=5, missed=1)),
        (TRUTH[:4], Verdict(expected=5, missed=1)),
        ([*TRUTH[:2], *TRUTH[1:]], Verdict(expected=5, twice=1)),
        ([TRUTH[1], TRUTH[0], *TRUTH[2:]], Verdict(expected=5, out_of_order=1)),
        ([Told(2, "segments", {"n": 3}), *TRUTH[1:]], Verdict(expected=5, altered=1)),
        ([*TRUTH[:1], *segments(3), *TRUTH[1:]], Verdict(expected=5, altered=1)),  # what never happened
    ],
)
def test_every_event_once_in_order_and_unchanged(told: Sequence[Told], verdict: Verdict) -> None:
    """Each way in which a stream can be wrong is counted by itself; only states may be left out."""
    assert judge(Life(0, list(told)), TRUTH, until=9) == verdict


def test_a_life_that_was_cut_short_is_judged_as_far_as_it_came() -> None:
    """Nothing may be missing before its last event, and nothing before its beginning is asked of it."""
    assert judge(Life(2, segments(6)), TRUTH) == Verdict(expected=2, missed=1)
    assert judge(Life(2), TRUTH) == Verdict()
    follower = Follower("/", ["x"], random.Random(0), lives=[Life(0, segments(2)), Life(0)])
    assert follower.judged(TRUTH) == Verdict(expected=6, missed=5)


async def test_half_an_event_is_none() -> None:
    """What a cut leaves of an event is forgotten, as a browser does; comments are not for us."""

    async def lines() -> AsyncIterator[str]:
        for line in (": hello", "", "id: 7", "event: text", 'data: {"text": "a: b"}', "", "id: 8", "event: text"):
            yield line

    assert [event async for event in read_events(lines())] == [Told(7, "text", {"text": "a: b"})]


def test_the_truth_is_the_table_without_replaced_states(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of the states of a stream the last is there; everything leaves out ends and other topics."""
    url = f"sqlite:///{tmp_path_factory.mktemp('truth') / 'events.db'}"
    rows = [("job:a", "job"), ("job:a", "job"), ("job:a", "end"), ("media:b", "media"), ("answer:c", "text")]
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE events (id INTEGER PRIMARY KEY, stream TEXT, type TEXT, data TEXT)"))
        for stream, kind in rows:
            values = {"stream": stream, "type": kind, "data": json.dumps({"of": stream})}
            connection.execute(text("INSERT INTO events (stream, type, data) VALUES (:stream, :type, :data)"), values)
    engine.dispose()
    truth = read_truth(url)
    assert [(event.id, event.type) for event in truth["job:a"]] == [(2, "job"), (3, "end")]
    assert [event.id for event in everything(truth, ("job", "media"))] == [2, 4]

"""Vectors of one byte a dimension: what that costs, and that the nearest are found among those that may be looked at."""

from __future__ import annotations

import numpy as np
import pytest

from videochat.passages.vectors import ROWS, Block, Shelf, direction, narrowed

CHANCE = np.random.default_rng(7)


def shelf(blocks: dict[str, list[list[float]]], model: str = "m") -> Shelf:
    """Return a shelf of these vectors, whose passages are numbered through."""
    made, first = {}, 0
    for key, vectors in blocks.items():
        made[key] = Block.of([(first + n, narrowed(vector)) for n, vector in enumerate(vectors)])
        first += len(vectors)
    return Shelf(model, made)


@pytest.mark.parametrize(("width", "most", "usual"), [(64, 0.006, 0.0015), (384, 0.003, 0.0006), (1024, 0.002, 0.0004)])
def test_a_byte_for_each_dimension_costs_little(width: int, most: float, usual: float) -> None:
    """Cosines of a thousand random vectors are off by less than this, at most and as root mean square."""
    vectors = CHANCE.normal(size=(1000, width))
    aim = CHANCE.normal(size=width)
    exact = vectors @ aim / np.linalg.norm(vectors, axis=1) / np.linalg.norm(aim)
    both = shelf({"t": [*map(list, [*vectors, *-vectors])]})  # those that point away are not given, their opposites are
    near = {one.passage % 1000: one.score for one in both.nearest(direction([*aim]), ["t"], 2000)}
    errors = np.array([near[n] - abs(exact[n]) for n in near])
    assert len(near) > 990
    assert np.abs(errors).max() < most
    assert np.sqrt(np.square(errors).mean()) < usual


def test_the_nearest_come_first_and_what_points_away_never() -> None:
    """In the order of the cosine, with the transcript of each; length does not matter."""
    here = shelf({"a": [[1.0, 0.0], [3.0, 3.0]], "b": [[-1.0, 0.0], [100.0, 10.0]]})
    found = here.nearest(direction([0.5, 0.0]), ["a", "b"], 10)
    assert [(one.passage, one.transcript) for one in found] == [(0, "a"), (3, "b"), (1, "a")]
    assert [one.score for one in found] == pytest.approx([1.0, 0.995, 0.707], abs=0.001)


def test_only_the_asked_transcripts_take_places() -> None:
    """A few vectors of one's own are found among thousands of others that are nearer."""
    aim = [1.0] + [0.0] * 15
    near = [[1.0] + [0.01] * 15] * (ROWS * 2 + 3)
    here = shelf({"theirs": near, "mine": [[0.2] + [1.0] * 15]})
    [found] = here.nearest(direction(aim), ["mine", "unknown"], 1)
    assert (found.passage, found.transcript) == (len(near), "mine")


def test_every_row_is_compared_however_they_lie() -> None:
    """Blocks that are smaller and larger than what is widened at a time give the same as one product of all."""
    sizes = {"a": 1, "b": ROWS + 1, "c": 3, "d": 2 * ROWS, "e": 0}
    vectors = CHANCE.normal(size=(sum(sizes.values()), 32))
    rest, blocks = [*map(list, vectors)], {}
    for key, size in sizes.items():
        blocks[key], rest = rest[:size], rest[size:]
    aim = CHANCE.normal(size=32)
    scores = vectors @ aim / np.linalg.norm(vectors, axis=1)
    found = shelf(blocks).nearest(direction([*aim]), [*sizes], 5)
    assert [one.passage for one in found] == [*np.argsort(-scores)[:5]]


def test_vectors_of_another_length_are_not_compared() -> None:
    """A model that was changed under its name finds nothing of before, rather than nonsense."""
    assert shelf({"t": [[1.0, 0.0]]}).nearest(direction([1.0, 0.0, 0.0]), ["t"], 5) == []
    mixed = Block.of([(1, narrowed([1.0, 2.0])), (2, b""), (3, narrowed([1.0, 2.0, 3.0]))])
    assert (mixed.count, [*mixed.ids]) == (3, [1])
    assert [*Block.of([(2, b"")]).ids] == [*Block.of([]).ids] == []


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_very_small_and_very_large_numbers_have_a_direction(scale: float) -> None:
    """No square is lost and none grows without bounds."""
    vector = [3 * scale, -4 * scale]
    assert [*direction(vector)] == pytest.approx([0.6, -0.8])
    assert np.frombuffer(narrowed(vector), np.int8).tolist() == [95, -127]


def test_a_state_names_the_vectors() -> None:
    """Equal ones have equal names in every order and process; one more, or another model, gives another name."""
    one, other = {"a": [[1.0, 0.0]], "b": [[0.0, 1.0]]}, {"b": [[0.0, 1.0]], "a": [[1.0, 0.0]]}
    assert shelf(one).state == shelf(other).state
    assert len({shelf(one).state, shelf(one, "other").state, shelf({"a": one["a"]}).state, shelf({}).state}) == 4


def test_its_size_is_about_a_byte_for_each_number() -> None:
    """A thousand vectors of 1024 numbers take one MiB and what names them."""
    assert shelf({"t": [[1.0] * 1024] * 1000}).size == 1000 * (1024 + 8 + 4)

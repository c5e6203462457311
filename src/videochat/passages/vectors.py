"""Vectors of one byte a dimension, and which of them point most into a direction.

A vector is scaled so that its largest number becomes 127, and rounded. Its length is forgotten: cosines do not need it. Rounding
moves a number by at most half a step, so with d dimensions, whose largest number is m times their root mean square, a cosine
is off by about m / (127 · √12 · √d): 0.0003 for 1024 dimensions (measured in the tests).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videochat.passages.meaning import Near
from videochat.store.fingerprint import fingerprint

FORM = "int8"  # how vectors are stored; another form would be another model
LARGEST = 127
# Rows that are widened at a time: with these the numbers stay in the processor's cache, where four times as many take twice as long.
ROWS = 256

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]


def narrowed(vector: Sequence[float]) -> bytes:
    """Return the vector as it is stored, one byte a dimension. The numbers are finite and not all zero."""
    numbers = np.asarray(vector, dtype=np.float64)
    return bytes(np.rint(numbers * (LARGEST / np.abs(numbers).max())).astype(np.int8).tobytes())


def direction(vector: Sequence[float]) -> Floats:
    """Return the vector with a length of 1."""
    numbers = np.asarray(vector, dtype=np.float64)
    numbers /= np.abs(numbers).max()  # squares of very large or small numbers would be lost
    unit: Floats = (numbers / np.linalg.norm(numbers)).astype(np.float32)
    return unit


@dataclass(frozen=True, slots=True)
class Block:
    """The vectors of one transcript. `count` is how many are stored, also those that are empty."""

    count: int
    ids: NDArray[np.int64]
    codes: Codes
    scales: Floats

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes]]) -> Block:
        """Make a block of passages' ids and stored vectors; of vectors that differ in length the first one's counts."""
        width = next((len(vector) for _, vector in rows if vector), 0)
        kept = [(passage, vector) for passage, vector in rows if len(vector) == width > 0]
        ids = np.array([passage for passage, _ in kept], dtype=np.int64)
        codes = np.frombuffer(b"".join(vector for _, vector in kept), dtype=np.int8).reshape(len(kept), width)
        lengths = np.sqrt(np.square(codes.astype(np.float32)).sum(axis=1))
        return cls(len(rows), ids, codes, (1 / np.maximum(lengths, 1)).astype(np.float32))

    @property
    def size(self) -> int:
        return self.ids.nbytes + self.codes.nbytes + self.scales.nbytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """The vectors of one model that a process knows, by transcript. It never changes: there is a new one instead."""

    model: str
    blocks: Mapping[str, Block] = field(default_factory=dict[str, Block])

    @property
    def state(self) -> str:
        """A name that says which vectors these are: a transcript's passages never change, there are only more of them."""
        return fingerprint("shelf", model=self.model, counts={key: one.count for key, one in self.blocks.items()})

    @property
    def size(self) -> int:
        return sum(block.size for block in self.blocks.values())

    def nearest(self, aim: Floats, transcripts: Collection[str], limit: int) -> list[Near]:
        """Return up to so many passages of the transcripts that point most into the direction, and none that points away."""
        chosen = [(key, self.blocks[key]) for key in transcripts if key in self.blocks]
        chosen = [(key, block) for key, block in chosen if block.codes.shape[1] == len(aim)]
        if not chosen:
            return []
        scores = _cosines([block for _, block in chosen], aim)
        best = np.argpartition(-scores, limit)[:limit] if limit < len(scores) else np.arange(len(scores))
        starts = np.cumsum([0, *(len(block.ids) for _, block in chosen)])
        found = [_near(chosen, starts, int(at), float(scores[at])) for at in best if scores[at] > 0]
        return sorted(found, key=lambda near: (-near.score, near.passage))


def _near(chosen: Sequence[tuple[str, Block]], starts: NDArray[Any], at: int, score: float) -> Near:
    n = int(np.searchsorted(starts, at, side="right")) - 1
    transcript, block = chosen[n]
    return Near(int(block.ids[at - starts[n]]), transcript, score)


def _cosines(blocks: Sequence[Block], aim: Floats) -> Floats:
    """Return the cosine of each vector with the aim, which is 1 long."""
    scores = np.empty(sum(len(block.ids) for block in blocks), np.float32)
    room = np.empty((ROWS, len(aim)), np.float32)
    at = 0
    for codes in _pieces(blocks):
        rows = len(codes)
        room[:rows] = codes
        np.dot(room[:rows], aim, out=scores[at : at + rows])
        at += rows
    scores *= np.concatenate([block.scales for block in blocks])
    return scores


def _pieces(blocks: Sequence[Block]) -> Iterator[Codes]:
    for block in blocks:
        for start in range(0, len(block.codes), ROWS):
            yield block.codes[start : start + ROWS]

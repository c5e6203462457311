"""Audio cut at pauses."""

from __future__ import annotations

import numpy as np
import pytest

from media_files import RATE, silence, speech_like, talk
from videochat.transcripts.utterances import MAX_FRAMES, utterances


def test_speech_is_cut_at_pauses() -> None:
    """Three sentences with pauses give three utterances that hold them whole and say when they begin."""
    found = list(utterances(talk(2.0, 1.0, 1.5, 1.0, 2.0)))
    assert [start for start, _ in found] == pytest.approx([0.0, 3.0, 5.5], abs=0.15)
    assert [piece.size / RATE for _, piece in found] == pytest.approx([2.0, 1.5, 2.0], abs=0.6)


def test_a_breath_does_not_end_an_utterance() -> None:
    """A pause of a fifth of a second is inside a sentence."""
    assert len(list(utterances(talk(2.0, 0.2, 2.0)))) == 1


@pytest.mark.parametrize("samples", [silence(3), np.zeros(0, np.int16), np.zeros(10, np.int16)])
def test_silence_has_no_utterance(samples: np.ndarray) -> None:
    """Nothing is given to an engine where nobody speaks, not even when there is no audio at all."""
    assert list(utterances(samples)) == []


def test_endless_sound_is_cut_where_it_is_quietest() -> None:
    """Without any pause an utterance ends after at most 20 s, and none of the sound is lost."""
    sound = np.concatenate([speech_like(14), speech_like(0.1, level=0.02), speech_like(36)])
    found = list(utterances(sound))
    assert max(piece.size for _, piece in found) <= MAX_FRAMES * 320
    assert sum(piece.size for _, piece in found) == pytest.approx(sound.size, abs=RATE)
    assert found[1][0] == pytest.approx(14.05, abs=0.1)

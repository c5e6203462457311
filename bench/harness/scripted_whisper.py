"""A tiny Whisper in CTranslate2's format, written with numpy alone, that says known words whatever it hears.

It takes the real path through faster-whisper and CTranslate2 and proves the plumbing, never the recognition. Position k of
the decoder points at the embedding of the k-th scripted token, so strongly that nothing else matters; the encoder and the
attention to it are random, because word times come from attention that differs from frame to frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import whisper_spec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

MELS = 80
FRAMES = 1500
POSITIONS = 448
LANGUAGES = tuple(_LANGUAGE_CODES)[:99]  # Whisper's own order; the hundredth came with large-v3
END = "<|endoftext|>"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Size:
    """How much a model has to compute; encoder and decoder have as many layers each."""

    width: int
    layers: int
    heads: int


SMALLEST = Size(64, 1, 1)
TINY = Size(384, 4, 6)  # Whisper's own `tiny`, but for the vocabulary


def build(
    folder: Path, script: str = "hello from a scripted whisper", *, size: Size = SMALLEST, spoken_seconds: float = 4.0
) -> Path:
    """Write an English-only model into the folder that says the script in the first seconds of every 30 s."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary(script.split())
    tokens = ["<|0.00|>", *(f"Ġ{word}" for word in script.split()), f"<|{spoken_seconds:.2f}|>"]
    spec = _specification(vocabulary, tokens, size)
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS}), encoding="utf-8")
    return folder


def _vocabulary(words: Sequence[str]) -> list[str]:
    tokens = [*_byte_letters(), "Ġ-", "Ġ'", *(f"Ġ{word}" for word in words)]
    specials = [
        END, "<|startoftranscript|>", *(f"<|{language}|>" for language in LANGUAGES), "<|translate|>", "<|transcribe|>",
        "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
    ]  # fmt: skip
    return [*dict.fromkeys(tokens), *specials, *(f"<|{step * 0.02:.2f}|>" for step in range(FRAMES + 1))]


def _byte_letters() -> list[str]:
    """Return the printable letter that byte-level BPE uses for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte if byte in printable else next(hidden)) for byte in range(256)]


def _tokenizer(vocabulary: list[str]) -> Tokenizer:
    ids = {token: n for n, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[("Ġ", "-"), ("Ġ", "'")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = vocabulary[vocabulary.index(END) : vocabulary.index("<|0.00|>")]
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in specials])
    return tokenizer


def _specification(vocabulary: list[str], script: list[str], size: Size) -> Any:
    spec = whisper_spec.WhisperSpec(size.layers, size.heads, size.layers, size.heads)
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((len(vocabulary), size.width)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    _random_encoder(spec.encoder, random, size.width)
    _script_decoder(spec.decoder, embeddings, [vocabulary.index(token) for token in [*script, END]])
    _random_attention(spec.decoder, random, size.width)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [vocabulary.index(END)]
    spec.config.alignment_heads = [[0, 0]]
    spec.config.lang_ids = [vocabulary.index(f"<|{language}|>") for language in LANGUAGES]
    return spec


def _random_encoder(encoder: Any, random: np.random.Generator, width: int) -> None:
    encoder.conv1.weight, encoder.conv1.bias = _noise(random, width, MELS, 3), _zeros(width)
    encoder.conv2.weight, encoder.conv2.bias = _noise(random, width, width, 3), _zeros(width)
    encoder.position_encodings.encodings = _noise(random, FRAMES, width)
    _norm(encoder.layer_norm, width)
    for layer in encoder.layer:
        _attention(layer.self_attention, width, 3 * width, width)
        _feed_forward(layer.ffn, width)


def _script_decoder(decoder: Any, embeddings: Floats, tokens: list[int]) -> None:
    width = embeddings.shape[1]
    positions = np.repeat(embeddings[tokens[-1:]] * 10, POSITIONS, axis=0)
    positions[: len(tokens)] = embeddings[tokens] * 10
    decoder.embeddings.weight = embeddings * 0.02
    decoder.position_encodings.encodings = positions
    decoder.scale_embeddings = False
    decoder.projection.weight = embeddings * 3
    _norm(decoder.layer_norm, width)
    for layer in decoder.layer:
        _attention(layer.self_attention, width, 3 * width, width)
        _attention(layer.attention, width, width, 2 * width, width)
        _feed_forward(layer.ffn, width)


def _random_attention(decoder: Any, random: np.random.Generator, width: int) -> None:
    for layer in decoder.layer:
        queries, keys_and_values = layer.attention.linear[:2]
        queries.weight, keys_and_values.weight = _noise(random, width, width), _noise(random, 2 * width, width)


def _attention(attention: Any, width: int, *outputs: int) -> None:
    _norm(attention.layer_norm, width)
    for linear, size in zip(attention.linear, outputs, strict=True):
        linear.weight, linear.bias = _zeros(size, width), _zeros(size)


def _feed_forward(layer: Any, width: int) -> None:
    _norm(layer.layer_norm, width)
    layer.linear_0.weight, layer.linear_0.bias = _zeros(4 * width, width), _zeros(4 * width)
    layer.linear_1.weight, layer.linear_1.bias = _zeros(width, 4 * width), _zeros(width)


def _norm(layer: Any, width: int) -> None:
    layer.gamma, layer.beta = np.ones(width, np.float32), _zeros(width)


def _zeros(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


def _noise(random: np.random.Generator, *shape: int) -> Floats:
    return (random.standard_normal(shape) * 0.3).astype(np.float32)

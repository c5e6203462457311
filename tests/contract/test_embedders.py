"""What every embedder keeps to: the fake, and the model behind a real loopback service."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from fake_embedder import FakeEmbedder
from stub_embedder import StubEmbedder, embeddings, stub_embedder
from videochat.errors import ConfigurationError, EmbedderError, EmbedderUnavailableError
from videochat.passages.embedder import GROUP, Embedder, load_embedder, vectors_of
from videochat.plugins import strangers
from videochat.sections import AiSettings


def settings(stub: StubEmbedder, **values: Any) -> AiSettings:
    return AiSettings(**{"embedding_base_url": stub.base_url, "embedding_model": "stub", "max_retries": 0, **values})


@asynccontextmanager
async def fake() -> AsyncIterator[Embedder]:
    yield FakeEmbedder()


@asynccontextmanager
async def service() -> AsyncIterator[Embedder]:
    async with stub_embedder() as stub:
        embedder = load_embedder("openai", settings(stub))
        yield embedder
        await embedder.close()


@asynccontextmanager
async def plugin(name: str) -> AsyncIterator[Embedder]:
    embedder = load_embedder(name, AiSettings())
    yield embedder
    await embedder.close()


# What somebody installed beside us is held to it too.
PLUGINS = [partial(plugin, one.name) for one in strangers() if one.group == GROUP]


@pytest.fixture(params=[fake, service, *PLUGINS])
async def embedder(request: pytest.FixtureRequest) -> AsyncGenerator[Embedder, None]:
    async with request.param() as made:
        yield made


def cosine(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


async def test_every_text_has_a_vector_in_its_place(embedder: Embedder) -> None:
    """There are as many as texts, also of more than fit into one request, in their order and of one length."""
    texts = [f"The number {n} of many." for n in range(70)]
    vectors = await embedder.embed(texts)
    assert len(vectors) == 70
    assert len({len(vector) for vector in vectors}) == 1
    assert all(math.isfinite(number) for vector in vectors for number in vector)
    for n in (0, 69):
        [alone] = await embedder.embed([texts[n]])
        assert cosine(alone, vectors[n]) == pytest.approx(1.0, abs=1e-3)


async def test_a_vector_says_what_a_text_means(embedder: Embedder) -> None:
    """What means the same points into a more similar direction than what means something else."""
    car, automobile, dog = await embedder.embed(["The car.", "The automobile.", "The dog."])
    assert cosine(car, automobile) > cosine(car, dog)


async def test_no_text_costs_nothing(embedder: Embedder) -> None:
    """No texts have no vectors."""
    assert await embedder.embed([]) == []


async def test_every_embedder_says_who_it_is(embedder: Embedder) -> None:
    """Name and model tell whose vectors these are."""
    assert embedder.name
    assert embedder.model


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "too_long", False), (401, "x", False), (403, "x", False), (404, "x", False),
        (429, "insufficient_quota", False), (429, "x", True), (500, "x", True), (503, "x", True),
    ],
)  # fmt: skip
async def test_each_fault_is_an_error_of_its_kind(status: int, code: str, retryable: bool) -> None:
    """What may succeed later says so, and nothing that the service said is repeated."""
    async with stub_embedder(status, error_code=code) as stub:
        embedder = load_embedder("openai", settings(stub))
        with pytest.raises(EmbedderError) as failed:
            await embedder.embed(["x"])
        await embedder.close()
    assert failed.value.retryable == retryable
    assert "secret" not in failed.value.message


def with_vectors(*vectors: object) -> Any:
    return lambda _texts: {"data": [{"index": n, "embedding": one} for n, one in enumerate(vectors)]}


@pytest.mark.parametrize(
    "body",
    [
        lambda _: b"{not json",
        lambda _: b"[]",
        lambda _: b'"text"',
        lambda _: {"data": None},
        lambda _: {"data": [1, 2]},
        lambda texts: {**embeddings(texts), "data": embeddings(texts)["data"][:1]},
        with_vectors([], []),
        with_vectors([1.0, 2.0], [1.0]),
        with_vectors([0.0, 0.0], [1.0, 0.0]),
        with_vectors(["a", "b"], [1.0, 0.0]),
        with_vectors([None, 1.0], [1.0, 0.0]),
        with_vectors([math.nan, 1.0], [1.0, 0.0]),
        with_vectors([math.inf, 1.0], [1.0, 0.0]),
        with_vectors([1.0] * 20_000, [1.0] * 20_000),
    ],
)
async def test_a_reply_that_makes_no_sense_is_no_vector(body: Any) -> None:
    """Whatever a service sends, it is two proper vectors of one length or an error of ours."""
    async with stub_embedder(body=body) as stub:
        embedder = load_embedder("openai", settings(stub))
        with pytest.raises(EmbedderError, match="could not be read"):
            await vectors_of(embedder, ["x", "y"])
        await embedder.close()


async def test_what_may_succeed_later_is_tried_again() -> None:
    """An overloaded service is asked again as often as AI__MAX_RETRIES says, one that refuses the key is not."""
    async with stub_embedder(503, 429, 200) as stub:
        embedder = load_embedder("openai", settings(stub, max_retries=2))
        assert await embedder.embed(["x"])
        assert len(stub.requests) == 3
        await embedder.close()
    async with stub_embedder(401) as stub:
        embedder = load_embedder("openai", settings(stub, max_retries=2))
        with pytest.raises(EmbedderError, match="AI__EMBEDDING_API_KEY"):
            await embedder.embed(["x"])
        assert len(stub.requests) == 1
        await embedder.close()


async def test_a_silent_service_is_given_up() -> None:
    """What cannot be reached is an error that says it may be there later."""
    embedder = load_embedder(
        "openai", AiSettings(embedding_base_url="http://127.0.0.1:9/v1", embedding_model="m", max_retries=0)
    )
    with pytest.raises(EmbedderUnavailableError):
        await embedder.embed(["x"])
    await embedder.close()


async def test_many_texts_go_in_bounded_requests() -> None:
    """A hundred texts are two requests."""
    async with stub_embedder() as stub:
        embedder = load_embedder("openai", settings(stub))
        await embedder.embed(["x"] * 100)
        await embedder.close()
    assert [len(request["input"]) for request in stub.requests] == [64, 36]
    assert {request["model"] for request in stub.requests} == {"stub"}


@pytest.mark.parametrize(
    ("own_key", "own_address", "sent"), [(None, False, "main"), ("own", True, "own"), (None, True, "none"), ("own", False, "own")]
)  # fmt: skip
def test_no_key_goes_to_a_service_that_it_is_not_for(own_key: str | None, own_address: bool, sent: str) -> None:
    """The key of the language model's provider is sent to its address alone."""
    embedder: Any = load_embedder(
        "openai",
        AiSettings(
            api_key=SecretStr("main"),
            base_url="https://main.example/v1",
            embedding_model="m",
            embedding_base_url="https://own.example/v1" if own_address else None,
            embedding_api_key=SecretStr(own_key) if own_key else None,
        ),
    )
    assert embedder._client.api_key == sent
    assert embedder._client.base_url.host == ("own.example" if own_address else "main.example")


def test_an_embedder_without_model_or_address_names_the_settings() -> None:
    """What is missing is found when the service starts, not when somebody searches."""
    with pytest.raises(ConfigurationError, match="AI__EMBEDDING_MODEL"):
        load_embedder("openai", AiSettings())
    with pytest.raises(ConfigurationError, match="AI__EMBEDDING_BASE_URL"):
        load_embedder("openai", AiSettings(embedding_model="m"))


def test_an_unknown_embedder_lists_the_known() -> None:
    """The error names what there is."""
    with pytest.raises(ConfigurationError, match="AI__EMBEDDER: there is no 'oracle'; known are openai"):
        load_embedder("oracle", AiSettings())

"""Answers without a language model."""

from __future__ import annotations

from library import spoken
from videochat.answers.chat import respond
from videochat.answers.citations import Citation
from videochat.answers.provider import Request, Source
from videochat.answers.providers.extractive import MAX_BULLETS, Extractive


def source(number: int, *texts: str, score: float = 1.0) -> Source:
    return Source(f"p{number}", f"m{number}", f"{number}.mp4", 0.0, 60.0, tuple(spoken(*texts)), score)


async def answer(question: str, *sources: Source) -> tuple[str, list[Citation]]:
    parts = [part async for part in respond(Extractive(), Request(question, sources))]
    return "".join(p for p in parts if isinstance(p, str)), [p for p in parts if isinstance(p, Citation)]


async def test_the_best_match_comes_first_with_its_second() -> None:
    """The passage with most of the question stands first; its citation begins at the segment that says it."""
    text, citations = await answer(
        "What does chlorophyll absorb?",
        source(1, "We talk about light.", "Some absorb it."),
        source(2, "Plants.", "Chlorophyll absorb red light.", "Bye."),
    )
    assert text.startswith("Passages that mention “chlorophyll”, “absorb”:\n\n- Chlorophyll absorb red light. [1]")
    assert (citations[0].media_id, citations[0].start, citations[0].check) == ("m2", 5.0, "verified")


async def test_question_words_match_nothing() -> None:
    """What every question has is no reason to show a passage."""
    text, citations = await answer("What is the capital?", source(1, "What is the weather? It is the best."))
    assert (text, citations) == ("No passage contains the words of this question.", [])


async def test_repeats_are_left_for_something_new() -> None:
    """Of passages that say the same one is enough while others say something else."""
    same = "The budget for the bridge is high this year."
    others = [source(n, same) for n in range(2, 9)]
    _, citations = await answer(
        "budget bridge", source(1, same), *others, source(9, "A bridge needs a budget, said the mayor.")
    )
    assert "m9" in [citation.media_id for citation in citations[:2]]
    assert len(citations) <= MAX_BULLETS


async def test_no_place_is_dropped_without_a_word() -> None:
    """Every line that mentions the word is shown, in the order of time; where there are too many their number is said."""
    lines = ("the tree makes sugar", "nothing", "the tree lives", "a tree is ready", "winter")
    text, citations = await answer("What does the tree do?", source(1, *lines))
    assert text.startswith("Passages that mention “tree”:")
    assert [citation.start for citation in citations] == [0.0, 10.0, 15.0]
    many = [f"the tree number {name}" for name in ("one", "two", "six", "ten", "red", "old", "tall", "dead")]
    text, citations = await answer("tree", source(1, *[f"{line} {'so it is ' * n}" for n, line in enumerate(many)]))
    assert text.startswith(f"Passages that mention “tree” ({len(citations)} of 8):")
    assert len(citations) <= MAX_BULLETS


async def test_what_was_asked_word_for_word_comes_first() -> None:
    """A phrase is never hidden behind a passage that merely holds its words."""
    lines = ("red, then another color of red", "nothing", "the red color is different", "sugar makes the red color")
    _, citations = await answer("red color", source(1, *lines))
    assert [citation.start for citation in citations] == [10.0, 15.0, 0.0]


async def test_chinese_is_answered_in_chinese() -> None:
    """The wording follows the question, the words that were found are named once."""
    text, citations = await answer("神经网络是什么？", source(1, "大家好。", "我们讨论神经网络。"))
    assert text == "这些段落提到“神经网络”：\n\n- 我们讨论神经网络。 [1]"
    assert citations[0].start == 5.0


async def test_a_transcript_cannot_forge_citations() -> None:
    """Markers and numbers that somebody said, and quotation marks, are text in the answer."""
    text, citations = await answer("whales", source(1, 'Whales "sing" [p1: "whales"] [7] "] [p1]'))
    assert text.count("[") == 1
    assert len(citations) == 1
    assert "[7]" not in text


async def test_a_long_segment_is_cut_around_what_was_asked() -> None:
    """An endless segment becomes a quote that a person reads, and it is still verbatim."""
    text, (citation,) = await answer("needle", source(1, "word " * 300 + "the needle is here " + "word " * 300))
    assert len(text) < 600
    assert "needle" in citation.quote
    assert citation.check == "verified"


async def test_a_question_without_a_topic_gets_advice() -> None:
    """Without a language model nobody can say what a recording is about; the answer says so and cites nothing."""
    text, citations = await answer("What is this about?", source(1, "This is what it is about."))
    assert text.startswith("No language model is configured")
    assert citations == []

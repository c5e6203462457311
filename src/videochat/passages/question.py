"""What of a question or query is worth looking for: its terms without the words that every question has."""

from __future__ import annotations

import re

from videochat.passages.analyse import terms

MAX_TERMS = 48  # different terms of one query; more make it slower and find nothing better

_ENGLISH_WORDS = """
a about all also am an and any are as at be been being between but by can could did do does doing done during each
either else ever every explain for from get gets give given had has have having he her here hers him his how i if in
into is it its just like may me mean means mention mentioned mentions might more most must my no nor not of on one or
other our out over please say saying says said shall she should show so some speaker speakers such talk talked talking
talks tell than that the their them then there these they thing things this those to too under up us very video was we
were what whats when where which while who whom whose why will with would you your recording lecture transcript
according describe described discuss discussed summarize summarise dont doesnt didnt isnt arent cant wont
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
# Longest first, so that 为什么 goes before 什么.
_CHINESE = (
    "有没有|是不是|能不能|为什么|什么样|什么时候|怎么样|多少钱|这个视频|视频里|视频中|录音里|录音中|请问|请说|告诉我|"
    "什么|怎么|怎样|如何|哪些|哪里|哪个|哪儿|多少|几个|为何|是否|关于|有关|提到|说到|讲到|谈到|介绍|解释|说明|"
    "这个|那个|这些|那些|这里|那里|他们|我们|你们|它们|一下|可以|以及|或者|还是|谁|吗|呢|吧|啊|的|了|是|在|和|与|及|"
    "它|他|她|我|你|说|讲|有|被|把|就|都|也|很"
)
_CHINESE_PHRASES = re.compile(_CHINESE)


def query_terms(query: str) -> list[str]:
    """Return the different terms of a query, in order."""
    return list(dict.fromkeys(terms(query)))[:MAX_TERMS]


def topic_terms(question: str) -> list[str]:
    """Return the different terms that say what the question is about; none for "what is this about?"."""
    kept = [term for term in terms(_CHINESE_PHRASES.sub(" ", question)) if term not in _ENGLISH]
    return list(dict.fromkeys(kept))[:MAX_TERMS]


def content_terms(question: str) -> list[str]:
    """Return the terms of the question's topic, or all of its terms where it names none."""
    return topic_terms(question) or query_terms(question)

"""What must never differ between a quote and its source: numbers and negations, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_UNITS = (
    {word: value for value, word in enumerate(_WORDS.split())}
    | {word: value for value, word in enumerate(_ORDINALS.split())}
    | {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
    | {"once": 1, "twice": 2, "thrice": 3, "dozen": 12}
    | {word: value for value, word in enumerate("零一二三四五六七八九")}
    | {"〇": 0, "两": 2, "兩": 2}
)
# Small factors multiply the unit before them (three hundred, 二十), large ones everything before them.
_SMALL = {"hundred": 100, "十": 10, "百": 100, "千": 1000}
_LARGE = {
    "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8,
}  # fmt: skip

# English contractions come without their apostrophe (words.py), Chinese and Japanese as single characters.
_NEGATION_WORDS = """
not no never none nobody nothing nowhere neither nor without cannot hardly barely scarcely seldom rarely unable
dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt cant mustnt hasnt havent hadnt aint neednt
mightnt shant
nicht kein keine keinen keinem keiner nie niemals ne pas jamais aucun nunca ningún não nem non mai не нет никогда
不 没 沒 無 无 未 非 别 別 勿 莫 否 毋 ぬ
"""
_NEGATIONS = frozenset(_NEGATION_WORDS.split())


def numbers(words: Sequence[str]) -> list[int]:
    """Return the numbers that the words say, in order: digits as they are, spelled ones with their value."""
    found: list[int] = []
    spelled = _Spelled()
    for word in words:
        if word.isdecimal():
            found += [*spelled.close(), int(word)]
        elif word in _UNITS:
            found += spelled.add_unit(_UNITS[word])
        elif word in _SMALL:
            spelled.multiply_unit(_SMALL[word])
        elif word in _LARGE:
            spelled.multiply_all(_LARGE[word])
        elif word != "and":
            found += spelled.close()
    return [*found, *spelled.close()]


class _Spelled:
    """A spelled number that may go on: total (two thousand), section (three hundred), unit (twenty five)."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._section: int | None = None
        self._unit: int | None = None

    def add_unit(self, value: int) -> list[int]:
        """Add 5 to 20, or to 300; where it cannot be added the number so far is complete and returned."""
        closed: list[int] = []
        if self._unit is not None and not (self._unit >= 20 and self._unit % 10 == 0 and value < 10):
            closed = self.close()
        self._unit = (self._unit or 0) + value
        return closed

    def multiply_unit(self, factor: int) -> None:
        unit = 1 if self._unit is None else self._unit
        self._section, self._unit = (self._section or 0) + unit * factor, None

    def multiply_all(self, factor: int) -> None:
        empty = self._section is None and self._unit is None
        part = 1 if empty else (self._section or 0) + (self._unit or 0)
        self._total, self._section, self._unit = (self._total or 0) + part * factor, None, None

    def close(self) -> list[int]:
        parts = [part for part in (self._total, self._section, self._unit) if part is not None]
        self._total = self._section = self._unit = None
        return [sum(parts)] if parts else []


def negations(words: Iterable[str]) -> int:
    """Return how many negations stand among the words."""
    return sum(word in _NEGATIONS for word in words)


def numbers_kept(quote: Sequence[str], source: Sequence[str]) -> bool:
    """Say whether the numbers of the quote stand in the source too, in the same order."""
    remaining = iter(numbers(source))
    return all(number in remaining for number in numbers(quote))

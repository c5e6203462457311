"""Which characters belong to scripts whose words are not parted by spaces, so that pairs of characters stand for words."""

from __future__ import annotations

from bisect import bisect_right

# First and last code point of each block, ascending (Unicode 16, Blocks.txt).
_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x3035),  # Kana repeat marks
    (0x3038, 0x303B),  # further numerals and marks
    (0x3041, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x318F),  # Bopomofo, Hangul compatibility jamo
    (0x31A0, 0x31FF),  # Bopomofo extended, Katakana phonetic extensions
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK unified ideographs
    (0xA960, 0xA97F),  # Hangul jamo extended A
    (0xAC00, 0xD7FF),  # Hangul syllables, jamo extended B
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF66, 0xFFDC),  # half-width Katakana and Hangul
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)
_FIRSTS = [first for first, _last in _BLOCKS]


def is_unspaced(character: str) -> bool:
    """Say whether the character belongs to Han, Kana, Hangul, Thai, Lao, Khmer or Myanmar."""
    code = ord(character)
    block = bisect_right(_FIRSTS, code) - 1
    return block >= 0 and code <= _BLOCKS[block][1]

"""The six slides of the sample lecture, drawn with Pillow (and the font inside it): no picture of anybody else is used."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 720
SCALE = 2  # drawn larger and reduced, which makes the edges smooth

PAPER, INK, SOFT = "#fdf8ef", "#33302b", "#8b8478"
GREEN, YELLOW, RED, SUN, NIGHT, SOIL = "#4f8a3c", "#e0ac26", "#b5382b", "#f0b429", "#3d5a80", "#8a6243"

Point = tuple[float, float]


class Slide:
    """A canvas in slide coordinates (1280 × 720)."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def text(self, at: Point, words: str, size: float, color: str = INK, anchor: str = "la") -> None:
        font = ImageFont.load_default(size=size * SCALE)
        self._draw.text(_scaled(at), words, font=font, fill=color, anchor=anchor)

    def shape(self, points: list[Point], color: str) -> None:
        self._draw.polygon([_scaled(point) for point in points], fill=color)

    def line(self, points: list[Point], color: str, width: float = 4) -> None:
        self._draw.line([_scaled(point) for point in points], fill=color, width=round(width * SCALE), joint="curve")

    def disc(self, at: Point, radius: float, color: str) -> None:
        self._draw.circle(_scaled(at), radius * SCALE, fill=color)

    def bar(self, corner: Point, other: Point, color: str) -> None:
        self._draw.rounded_rectangle([_scaled(corner), _scaled(other)], radius=10 * SCALE, fill=color)

    def finished(self) -> Image.Image:
        return self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _scaled(point: Point) -> Point:
    return point[0] * SCALE, point[1] * SCALE


def leaf(slide: Slide, at: Point, size: float, color: str, turn: float = 0.0) -> None:
    """Draw a pointed leaf with its veins; `size` is the length of the blade, `turn` in degrees."""

    def place(along: float, across: float) -> Point:
        angle = math.radians(turn)
        x, y = across * size, (along - 0.5) * size
        return at[0] + x * math.cos(angle) - y * math.sin(angle), at[1] + x * math.sin(angle) + y * math.cos(angle)

    def half(along: float) -> float:
        return 0.34 * math.sin(math.pi * along**0.8) ** 0.9 * (1 + 0.05 * math.sin(38 * along))

    steps = [step / 60 for step in range(61)]
    slide.shape([place(t, half(t)) for t in steps] + [place(t, -half(t)) for t in reversed(steps)], color)
    slide.line([place(0.08, 0), place(1.22, 0)], INK, size / 70)
    for t in (0.32, 0.46, 0.6, 0.74):
        for side in (-1, 1):
            slide.line([place(t + 0.1, 0), place(t - 0.02, side * half(t) * 0.72)], INK, size / 130)


def sun(slide: Slide, at: Point, radius: float) -> None:
    for ray in range(12):
        angle = ray * math.pi / 6
        inner, outer = radius * 1.25, radius * 1.6
        ends = [(at[0] + r * math.cos(angle), at[1] + r * math.sin(angle)) for r in (inner, outer)]
        slide.line(ends, SUN, 7)
    slide.disc(at, radius, SUN)


def moon(slide: Slide, at: Point, radius: float) -> None:
    slide.disc(at, radius, NIGHT)
    slide.disc((at[0] + radius * 0.45, at[1] - radius * 0.2), radius * 0.85, PAPER)


def arrow(slide: Slide, start: Point, end: Point, color: str = SOFT) -> None:
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    tip = [(end[0] - 24 * math.cos(angle + turn), end[1] - 24 * math.sin(angle + turn)) for turn in (-0.5, 0.5)]
    slide.line([start, (end[0] - 14 * math.cos(angle), end[1] - 14 * math.sin(angle))], color, 6)
    slide.shape([end, *tip], color)


def _page(title: str, lines: list[str], color: str) -> Slide:
    slide = Slide()
    slide.bar((0, -20), (26, HEIGHT + 20), color)
    slide.text((90, 84), title, 64)
    slide.bar((92, 172), (212, 180), color)
    for row, line in enumerate(lines):
        slide.disc((104, 282 + 88 * row), 9, color)
        slide.text((140, 282 + 88 * row), line, 38, anchor="lm")
    return slide


def title() -> Slide:
    slide = Slide()
    slide.text((WIDTH / 2, 500), "The Colors of the Leaves", 76, anchor="mm")
    slide.text((WIDTH / 2, 590), "A lesson of one minute", 38, SOFT, anchor="mm")
    for x, color, turn in ((410, GREEN, 24), (640, YELLOW, -6), (870, RED, -30)):
        leaf(slide, (x, 220), 250, color, turn)
    return slide


def green() -> Slide:
    slide = _page(
        "Green is for work",
        ["One chemical makes it green", "It catches the light of the sun", "The tree makes sugar"],
        GREEN,
    )
    sun(slide, (830, 200), 52)
    arrow(slide, (895, 255), (960, 315))
    leaf(slide, (1040, 400), 270, GREEN, 20)
    slide.text((800, 470), "water, air", 32, SOFT, anchor="mm")
    arrow(slide, (870, 470), (945, 445))
    arrow(slide, (1110, 480), (1150, 560))
    slide.text((1160, 600), "sugar", 36, INK, anchor="mm")
    return slide


def shorter_days() -> Slide:
    slide = _page(
        "The days become shorter",
        ["The tree gets ready for winter", "It takes back what it can use", "The green goes first"],
        NIGHT,
    )
    slide.text((1000, 232), "light in a day", 30, SOFT, anchor="mm")
    for month, (name, height) in enumerate((("J", 260), ("A", 230), ("S", 190), ("O", 150), ("N", 112))):
        x = 820 + 80 * month
        slide.bar((x, 560 - height), (x + 52, 560), SUN)
        slide.text((x + 26, 592), name, 30, SOFT, anchor="mm")
    return slide


def yellow() -> Slide:
    slide = _page("Yellow was always there", ["The green was stronger", "Without green we see yellow"], YELLOW)
    leaf(slide, (850, 400), 250, GREEN, 12)
    arrow(slide, (950, 400), (1010, 400))
    leaf(slide, (1110, 400), 250, YELLOW, 12)
    return slide


def red() -> Slide:
    slide = _page("Red is new", ["The tree makes it from sugar", "Sunny days help", "Cold nights help"], RED)
    sun(slide, (840, 250), 46)
    moon(slide, (1130, 250), 54)
    leaf(slide, (985, 460), 270, RED, -14)
    arrow(slide, (880, 315), (920, 365))
    arrow(slide, (1095, 315), (1050, 365))
    return slide


def circle() -> Slide:
    slide = _page(
        "The story begins again",
        ["Leaves turn into new soil", "The tree survives the winter", "Green comes back in spring"],
        SOIL,
    )
    center, radius = (990.0, 400.0), 165.0
    for season, color in enumerate((GREEN, YELLOW, RED, SOIL)):
        angle = season * math.pi / 2 - math.pi / 2
        at = (center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle))
        leaf(slide, (at[0], at[1] - 8), 120, color, 10)
        ends = [angle + math.pi / 4 + turn for turn in (-0.28, 0.28)]
        start, end = ((center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in ends)
        arrow(slide, start, end)
    return slide


SLIDES: tuple[Callable[[], Slide], ...] = (title, green, shorter_days, yellow, red, circle)

"""A small language for rules: what is counted and used, over a span of time, against a bound.

    rate(errors[5m]) / rate(requests[5m]) > 0.05
    quantile(0.95, latency[5m]) > 2
    min(waiting[30m]) > 100

`rate` and `increase` are of counts, `avg`, `min`, `max` and `last` of what is in use, `quantile` of the time to answer. The
same expression is evaluated over our own points and written in PromQL, so both say the same of the same installation.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from videochat.errors import InvalidError
from videochat.ops.history import Point, grown, quantile

Points = Sequence[tuple[int, Point]]

UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST = 24 * 3600
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([a-z_]+(?:\.[a-z_0-9]+)?)(?:\[(\d+)([smh])\])?|(>=|<=|[-+*/()<>,]))")
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
}  # fmt: skip
ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip

# Where a metric of a point stands in what Prometheus scrapes.
COUNTS = {
    "requests": "videochat_http_requests_total",
    "errors": 'videochat_http_requests_total{status=~"5.."}',
    "audio": "videochat_audio_seconds_total",
    "windows": "videochat_windows_total",
    "uploaded": "videochat_upload_bytes_total",
}
COUNTS_BY = {
    "jobs": 'videochat_jobs_ended_total{{status="{}"}}',
    "answers": 'videochat_answers_total{{status="{}"}}',
    "tokens": 'videochat_provider_tokens_total{{kind="{}"}}',
    "provider": 'videochat_provider_requests_total{{outcome="{}"}}',
}
USES = {
    "streams": "videochat_http_streams",
    "uploads": "videochat_uploads",
    "waiting": 'videochat_tasks{state="waiting"}',
    "running": 'videochat_tasks{state="running"}',
    "workers": "videochat_workers",
    "cache_away": "videochat_cache_away",
}
LATENCY = "videochat_http_request_seconds_bucket"


class Node(Protocol):
    """A part of an expression."""

    def value(self, points: Points) -> float | None:
        """Return its value at the last of the points, None when they do not say."""
        ...

    def promql(self) -> str: ...

    @property
    def span(self) -> int:
        """How many seconds it looks back."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    number: float

    def value(self, points: Points) -> float | None:  # noqa: ARG002  # the same whatever happened
        return self.number

    def promql(self) -> str:
        return f"{self.number:g}"

    @property
    def span(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Arithmetic:
    left: Node
    sign: str
    right: Node

    def value(self, points: Points) -> float | None:
        left, right = self.left.value(points), self.right.value(points)
        if left is None or right is None or (self.sign == "/" and right == 0):
            return None
        return ARITHMETIC[self.sign](left, right)

    def promql(self) -> str:
        return f"({self.left.promql()} {self.sign} {self.right.promql()})"

    @property
    def span(self) -> int:
        return max(self.left.span, self.right.span)


@dataclass(frozen=True, slots=True)
class Over:
    """A function of a metric over a span of seconds."""

    function: str
    metric: str
    seconds: int
    share: float = 0.0

    def value(self, points: Points) -> float | None:
        span = _span(points, self.seconds)
        if self.function in {"rate", "increase"}:
            return self._growth(span)
        if self.function == "quantile":
            return quantile(grown(span[0][1]["latency"], span[-1][1]["latency"]), self.share) if len(span) > 1 else None
        values = [value for _, point in span if (value := _number(point, self.metric)) is not None]
        if not values:
            return None
        chosen = {"avg": lambda: sum(values) / len(values), "min": lambda: min(values), "max": lambda: max(values)}
        return chosen.get(self.function, lambda: values[-1])()

    def _growth(self, span: Points) -> float | None:
        if len(span) < 2:
            return None
        (began, before), (ended, after) = span[0], span[-1]
        increase = max(0.0, (_number(after, self.metric) or 0.0) - (_number(before, self.metric) or 0.0))
        return increase / (ended - began) if self.function == "rate" else increase

    @property
    def span(self) -> int:
        return self.seconds

    def promql(self) -> str:
        span = f"[{self.seconds}s]"
        if self.function == "quantile":
            return f"histogram_quantile({self.share:g}, sum by (le) (rate({LATENCY}{span})))"
        selector = _selector(self.metric)
        if self.function in {"rate", "increase"}:
            return f"sum({self.function}({selector}{span}))"
        if self.function == "last":
            return f"max({selector})"
        outer = "min" if self.function == "min" else "max"
        return f"{outer}({self.function}_over_time({selector}{span}))"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A whole expression."""

    left: Node
    sign: str
    bound: Node

    def measured(self, points: Points) -> float | None:
        """Return what is compared, None when the points do not say."""
        return self.left.value(points)

    def holds(self, points: Points) -> bool:
        """Say whether it is so; what cannot be said is not so."""
        measured, bound = self.left.value(points), self.bound.value(points)
        return measured is not None and bound is not None and COMPARISONS[self.sign](measured, bound)

    @property
    def span(self) -> int:
        return max(self.left.span, self.bound.span)

    def promql(self) -> str:
        return f"{self.left.promql()} {self.sign} {self.bound.promql()}"


def parse(text: str) -> Comparison:
    """Read an expression. Raises InvalidError that says where it goes wrong."""
    parser = _Parser(text)
    left = parser.sum()
    sign = parser.take(*COMPARISONS)
    expression = Comparison(left, sign, parser.sum())
    parser.end()
    return expression


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text)]
        self._at = 0

    def sum(self) -> Node:
        node = self._product()
        while self._next() in {"+", "-"}:
            node = Arithmetic(node, self.take("+", "-"), self._product())
        return node

    def take(self, *wanted: str) -> str:
        token = self._next()
        if token not in wanted:
            raise self._wrong(f"expected {' or '.join(wanted)}")
        self._at += 1
        return str(token)

    def end(self) -> None:
        if self._next() is not None:
            raise self._wrong("expected the end")

    def _product(self) -> Node:
        node = self._factor()
        while self._next() in {"*", "/"}:
            node = Arithmetic(node, self.take("*", "/"), self._factor())
        return node

    def _factor(self) -> Node:
        token = self._next()
        self._at += 1
        if isinstance(token, float):
            return Number(token)
        if token == "(":  # noqa: S105  # no password
            node = self.sum()
            self.take(")")
            return node
        if isinstance(token, tuple) and token[0] in FUNCTIONS and token[1] == 0:
            return self._over(token[0])
        self._at -= 1
        raise self._wrong(f"expected a number or one of {', '.join(FUNCTIONS)}")

    def _over(self, function: str) -> Node:
        self.take("(")
        share = 0.0
        if function == "quantile":
            share = self._share()
            self.take(",")
        metric = self._next()
        if not isinstance(metric, tuple) or not FUNCTIONS[function](metric[0]):
            raise self._wrong(f"this is nothing that {function} can be of")
        if (function == "last") != (metric[1] == 0) or metric[1] > LONGEST:
            raise self._wrong("a span such as [5m], of at most 24 h, stands behind the metric (not with last)")
        self._at += 1
        self.take(")")
        return Over(function, metric[0], metric[1], share)

    def _share(self) -> float:
        share = self._next()
        if not isinstance(share, float) or not 0 < share < 1:
            raise self._wrong("expected a share between 0 and 1")
        self._at += 1
        return share

    def _next(self) -> str | float | tuple[str, int] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _wrong(self, why: str) -> InvalidError:
        return InvalidError(f"{self._text!r}, part {self._at + 1}: {why}.")


def _tokens(text: str) -> Iterator[str | float | tuple[str, int]]:
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise InvalidError(f"{text!r}: {text[at:].strip()[:12]!r} cannot be read.")
        number, name, amount, unit, sign = found.groups()
        yield float(number) if number else (name, int(amount or 0) * UNITS.get(unit, 0)) if name else sign
        at = found.end()


def _is_count(name: str) -> bool:
    kind, _, value = name.partition(".")
    return name in COUNTS or (kind in COUNTS_BY and value != "")


def _is_use(name: str) -> bool:
    kind, _, value = name.partition(".")
    return name in USES or (kind == "machines" and value != "")


FUNCTIONS: Mapping[str, Callable[[str], bool]] = {
    "rate": _is_count, "increase": _is_count, "avg": _is_use, "min": _is_use, "max": _is_use, "last": _is_use,
    "quantile": lambda name: name == "latency",
}  # fmt: skip


def _selector(name: str) -> str:
    kind, _, value = name.partition(".")
    if kind == "machines":
        return f'videochat_machine{{resource="{value}"}}'
    return COUNTS.get(name) or USES.get(name) or COUNTS_BY[kind].format(value)


def _span(points: Points, seconds: int) -> Points:
    """Return the points of the last so many seconds (0: the last one)."""
    if not points:
        return points
    since = points[-1][0] - seconds
    return [one for one in points if one[0] >= since]


def _number(point: Point, name: str) -> float | None:
    kind, _, key = name.partition(".")
    value: Any = point.get(kind)
    if kind == "machines":  # the worst of them
        return max((float(shares[key]) for shares in value.values() if key in shares), default=None)
    if isinstance(value, Mapping):
        return float(value.get(key, 0.0))
    return None if value is None else float(value)

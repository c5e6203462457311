"""How a measurement ends: one JSON line on stdout, or one line that says why it is invalid."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

MISSED, INVALID = 1, 2  # exit statuses


class InvalidMeasureError(Exception):
    """The numbers would mean nothing: something failed, or both sides did not do the same work."""


def publish(measure: Callable[[], Mapping[str, object]]) -> None:
    """Run the measurement and print its JSON line, with its name and the load before and after.

    The exit status is 0, MISSED when the result says that the target is not met, or INVALID without a result.
    """
    name, load = Path(sys.argv[0]).stem, machine_load()
    try:
        result = measure()
    except (InvalidMeasureError, httpx.HTTPError) as error:
        print(f"{name}: invalid measurement: {error}", file=sys.stderr)
        sys.exit(INVALID)
    about = {"measure": name, "load": load, "load_after": machine_load()}
    print(json.dumps({**about, **result}, ensure_ascii=False), flush=True)
    if result.get("met") is False:
        sys.exit(MISSED)


def require(held: bool, otherwise: str) -> None:
    """Raise InvalidMeasureError with the reason unless the condition holds; unlike `assert` it survives `python -O`."""
    if not held:
        raise InvalidMeasureError(otherwise)


def progress(text: str) -> None:
    """Say on stderr what goes on, for people only."""
    if sys.stderr.isatty():
        print(f"… {text}", file=sys.stderr, flush=True)


def machine_load() -> dict[str, object]:
    """Return the load averages of 1, 5 and 15 minutes and the number of cores."""
    return {"averages": [round(average, 2) for average in os.getloadavg()], "cores": cores()}


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share (0 < share ≤ 1) of the values does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]

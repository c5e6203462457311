"""A measurement ends with one JSON line, or with one line that says why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from harness.report import INVALID, MISSED, InvalidMeasureError, machine_load, percentile, publish, require


def test_a_result_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the line goes to stdout, and the keys keep their order."""
    publish(lambda: {"target": 1, "met": True, "ratio": 0.5})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert list(json.loads(out)) == ["measure", "load", "load_after", "target", "met", "ratio"]


def test_a_missed_target_is_a_result_with_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers are printed, and whoever runs the command learns of the miss."""
    with pytest.raises(SystemExit) as ended:
        publish(lambda: {"met": False, "ratio": 2})
    assert ended.value.code == MISSED
    assert json.loads(capsys.readouterr().out)["ratio"] == 2


def test_an_invalid_measurement_prints_no_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason goes to stderr, and the status is another one than that of a missed target."""

    def measure() -> Mapping[str, object]:
        require(1 + 1 == 2, "never said")
        require(1 + 1 == 3, "the sides did not do the same")
        raise AssertionError

    with pytest.raises(SystemExit) as ended:
        publish(measure)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (INVALID, "")
    assert err.endswith("invalid measurement: the sides did not do the same\n")


def test_other_errors_are_not_hidden() -> None:
    """A mistake in a measurement is no invalid measurement."""

    def measure() -> Mapping[str, object]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        publish(measure)
    assert not issubclass(KeyError, InvalidMeasureError)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    """Nearest rank: of 1 … 100 the 99th percentile is 99."""
    assert percentile([*range(100, 0, -1)], share) == value


def test_the_load_names_the_cores() -> None:
    """A ratio is read beside how busy the machine was."""
    load = machine_load()
    averages = load["averages"]
    assert isinstance(averages, list)
    assert len(averages) == 3
    assert isinstance(load["cores"], int)

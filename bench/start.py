"""How long `videochat serve` takes from the command to its first answer, on a database that is there already.

    python bench/start.py [--rounds N]

The database is SQLite and holds two hundred recordings. What is waited for is the list of them over HTTP; the byte code is there, as
after any first start. The raw limit is an interpreter that imports the libraries without which there is no VideoChat and gives one
answer from a bare FastAPI. Both take turns. Prints one JSON line with the medians last: `seconds`, and their ratio to the raw limit.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from harness.report import progress, publish, require
from harness.service import HOST, VIDEOCHAT, environment, free_port, start, stop

TARGET_SECONDS = 2.0
ROUNDS = 9
RECORDINGS, LISTED = 200, 100
LONGEST_SECONDS, POLL_SECONDS = 60.0, 0.01
FILL = Path(__file__).with_name("harness") / "fill.py"
BARE = """
import sys
import pydantic_settings, sqlalchemy.ext.asyncio, structlog, typer, uvicorn
from fastapi import FastAPI
app = FastAPI()
app.get("/api/media")(lambda: {"items": []})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    publish(partial(measure, parser.parse_args().rounds))


def measure(rounds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A worker without queues is started and lives, and does not begin to transcribe what lies there.
        variables = environment(folder, {"LOG__FORMAT": "json", "JOBS__QUEUES": "[]"})
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        bench = {**variables, "PYTHONPATH": str(FILL.parents[1])}
        subprocess.run(
            [sys.executable, str(FILL), str(RECORDINGS)], cwd=folder, env=bench, check=True, stdout=subprocess.DEVNULL
        )
        sides = {
            "serve": ((*VIDEOCHAT, "serve", "--port"), LISTED),
            "bare": ((sys.executable, "-c", BARE), 0),
        }
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(1 + rounds):
            for side, (command, listed) in sides.items():
                progress(f"{side}, round {turn} of {rounds}")
                taken[side].append(_seconds_to_answer(command, folder, variables, listed))
    return {"recordings": RECORDINGS, **summary({side: seconds[1:] for side, seconds in taken.items()})}


def summary(taken: Mapping[str, Sequence[float]]) -> dict[str, object]:
    """Return all times, whether ours are good enough, and the medians."""
    seconds, bare = median(taken["serve"]), median(taken["bare"])
    return {
        **{f"{side}_seconds": [round(one, 3) for one in all_of_them] for side, all_of_them in taken.items()},
        "target_seconds": TARGET_SECONDS,
        "met": seconds <= TARGET_SECONDS,
        "bare": round(bare, 3),
        "seconds": round(seconds, 3),
        "ratio": round(seconds / bare, 3),
    }


def _seconds_to_answer(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], listed: int
) -> float:  # fmt: skip
    """Start the server and return how long it took until it listed so many recordings. Raises InvalidMeasureError."""
    port = free_port()
    began = time.perf_counter()
    process = start((*command, str(port)), folder, variables, folder / "log")
    try:
        while (items := _listed(port)) is None:
            require(process.poll() is None, "the server ended")
            require(time.perf_counter() - began < LONGEST_SECONDS, "the server did not answer")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - began
        require(items == listed, f"the server listed {items} recordings instead of {listed}")
        return seconds
    finally:
        stop(process)


def _listed(port: int) -> int | None:
    """Return how many recordings are listed; None while nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=LONGEST_SECONDS)
    try:
        connection.request("GET", f"/api/media?limit={LISTED}")
        answer = connection.getresponse()
        require(answer.status == http.client.OK, f"the list was answered with {answer.status}")
        return len(json.load(answer)["items"])
    except ConnectionError:
        return None
    finally:
        connection.close()


if __name__ == "__main__":
    main()

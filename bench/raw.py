"""Five minutes of audio from upload to completed job, against the bare call of the speech engine.

    python bench/raw.py [--rounds N]

The engine is faster-whisper with a scripted model of the size of Whisper's `tiny` (its vocabulary is smaller), int8, beam 5,
with word times and without looking for voice, which there is none of in noise; it says 75 words every thirty seconds. The bare
calls have the model loaded, as many threads as there are cores and the priority of our engines: one after the other
(`sequential`) and in batches of eight (`batched`, given where to cut). Ours has its processes running and its engines loaded,
gets the recording over HTTP as one it has never seen, and counts until the job is completed, decoding included: with two
engines of one thread each (`two`, windows of a minute), with one engine (`one`), and with two under the default lengths of
windows (`two_default`, for comparison only). All sides take turns, frozen while it is not theirs, after a round that only
warms up, and must give the same segments and words. On SQLite.

`parts` are the median seconds of each part: `upload` until it is stored and the job is queued, `first_window` until an engine
begins (waiting, choosing, decoding so far), `listening` until the last window is heard, `rest` until the job is completed;
`decoded` is when the last window was cut, counted from the job's creation, and overlaps with the listening. Prints one JSON
line with the ratios of the medians last, and beside them those of each side's quickest run, which other work on the machine
disturbs least. Takes about five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from faster_whisper import BatchedInferencePipeline, WhisperModel

from harness.cluster import WORKERS_LOG, Cluster, engines_of, running_cluster
from harness.recordings import LECTURE_WORDS, write_pieces
from harness.report import cores, progress, publish, require
from harness.scripted_whisper import TINY, build
from harness.words import words_of
from harness.work import wait_for_end
from videochat.ops.serving import NICENESS

TARGETS = {"two_against_sequential": 1.6, "two_against_batched": 1.1, "one_against_sequential": 1.03}
PIECES, PIECE_SECONDS = 10, 29.6  # each is heard as one of Whisper's frames of 30 s, wherever the windows are cut
SPOKEN_WORDS, SPOKEN_SECONDS = 75, 28.0
BATCH = 8
ROUNDS, WARM_UPS = 5, 1
LONGEST_SECONDS = 300.0
POLL_SECONDS = 0.5  # the job itself says when it was completed; asking more often would cost what is measured
AWAKE_SECONDS = 2.0  # until a worker that was frozen has found its way back
OPTIONS = {
    "language": "en", "beam_size": 5, "word_timestamps": True, "condition_on_previous_text": False, "vad_filter": False,
}  # fmt: skip
SETTINGS = {
    "STT__ENGINE": "faster-whisper",
    "STT__LANGUAGE": "en",
    "STT__BEAM_SIZE": "5",
    "STT__VAD_FILTER": "false",
    "STT__COMPUTE_TYPE": "int8",
    "STT__IDLE_SECONDS": "3600",
    "LOG__FORMAT": "json",
}
SIDES = {
    "two": {"JOBS__CONCURRENCY": "2", "JOBS__WINDOW_SECONDS": "60"},
    "one": {"JOBS__CONCURRENCY": "1"},
    "two_default": {"JOBS__CONCURRENCY": "2"},
}

Work = list[tuple[str, int]]  # text and number of words of each segment


@dataclass(frozen=True, slots=True)
class Run:
    """One transcription: seconds, and which part of them went where."""

    seconds: float
    work: Work
    parts: Mapping[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    publish(partial(measure, parser.parse_args().rounds))


def measure(rounds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        script = " ".join(words_of(LECTURE_WORDS.read_text(encoding="utf-8"))[:SPOKEN_WORDS])
        model = build(folder / "model", script, size=TINY, spoken_seconds=SPOKEN_SECONDS)
        recording = write_pieces(folder / "talk.wav", PIECES, seconds=PIECE_SECONDS)
        ours = _ours(model, recording, stack)
        os.nice(NICENESS)  # as our engines are, so that what else goes on here slows down both sides alike
        sides = {**_bare(model, recording), **ours}
        runs: dict[str, list[Run]] = {name: [] for name in sides}
        for turn in range(WARM_UPS + rounds):
            for side in list(sides) if turn % 2 else reversed(sides):
                progress(f"{side}, round {turn} of {rounds}")
                runs[side].append(sides[side]())
    work = runs["sequential"][0].work
    for side, of_side in runs.items():
        require(all(run.work == work for run in of_side), f"{side} gave other segments or words than the bare call")
    measured = {side: of_side[WARM_UPS:] for side, of_side in runs.items()}
    about = {"audio_seconds": PIECES * PIECE_SECONDS, "segments": len(work), "words": sum(words for _, words in work)}
    return {**about, "rounds": rounds, **summary(measured)}


def summary(runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Return the times of every side and how ours compare: speed for two cores, time for one worker."""
    ratios = _ratios({side: median(run.seconds for run in of_side) for side, of_side in runs.items()})
    undisturbed = _ratios({side: min(run.seconds for run in of_side) for side, of_side in runs.items()})
    met = {
        name: ratios[name] <= target if name.startswith("one") else ratios[name] >= target
        for name, target in TARGETS.items()
    }
    return {
        **{side: _table(of_side) for side, of_side in runs.items()},
        "of_the_quickest_runs": undisturbed,
        "targets": TARGETS,
        "targets_met": met,
        "met": all(met.values()),
        **ratios,
    }


def _ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    pairs = {
        "two_default_against_sequential": ("sequential", "two_default"),
        "one_against_sequential": ("one", "sequential"),
        "two_against_batched": ("batched", "two"),
        "two_against_sequential": ("sequential", "two"),
    }
    return {name: round(seconds[over] / seconds[under], 3) for name, (over, under) in pairs.items()}


def _table(runs: Sequence[Run]) -> dict[str, object]:
    seconds = [run.seconds for run in runs]
    parts = {name: round(median(run.parts[name] for run in runs), 3) for name in runs[0].parts}
    times = {"seconds": [round(each, 3) for each in seconds], "median": round(median(seconds), 3)}
    return {**times, "parts": parts} if parts else times


def _bare(model: Path, recording: Path) -> dict[str, Callable[[], Run]]:
    """Return the bare calls."""
    loaded = WhisperModel(
        str(model), device="cpu", compute_type="int8", cpu_threads=cores(), local_files_only=True
    )  # fmt: skip
    clips = [{"start": n * PIECE_SECONDS, "end": (n + 1) * PIECE_SECONDS} for n in range(PIECES)]
    batched = partial(
        BatchedInferencePipeline(loaded).transcribe, batch_size=BATCH, without_timestamps=False, clip_timestamps=clips
    )
    return {"sequential": partial(_call, loaded.transcribe, recording), "batched": partial(_call, batched, recording)}


def _call(transcribe: Callable[..., tuple[Iterator[Any], Any]], recording: Path) -> Run:
    began = time.perf_counter()
    segments = list(transcribe(str(recording), **OPTIONS)[0])
    seconds = time.perf_counter() - began
    return Run(seconds, [(segment.text.strip(), len(segment.words)) for segment in segments])


def _ours(model: Path, recording: Path, stack: ExitStack) -> dict[str, Callable[[], Run]]:
    """Start an installation for each side and return how each transcribes."""
    sides = {}
    for side, chosen in SIDES.items():
        settings = {**SETTINGS, **chosen, "STT__MODEL": str(model)}
        cluster = stack.enter_context(running_cluster("sqlite", recording.parent / side, 1, settings))
        sides[side] = partial(_transcribe, cluster, recording)
        cluster.sleep()
    return sides


def _transcribe(cluster: Cluster, recording: Path) -> Run:
    """Bring the recording, wait until it is transcribed, and take everything away. Raises InvalidMeasureError."""
    cluster.wake()
    time.sleep(AWAKE_SECONDS)
    began = time.time()
    with recording.open("rb") as file:
        media = (
            cluster.client.post("/api/media", params={"name": recording.name}, content=file).raise_for_status().json()
        )
    job = wait_for_end(cluster.client, media["job"]["id"], LONGEST_SECONDS, poll=POLL_SECONDS)
    require(job["status"] == "completed", f"the transcription is {job['status']}")
    require(len(engines_of(cluster.workers[0])) <= cluster.at_a_time, "there are more engines than there should be")
    answer = cluster.client.get(f"/api/media/{media['id']}/transcript").raise_for_status().json()
    work = [(segment["text"], len(segment["words"])) for segment in answer["segments"]]
    parts = _parts(cluster, job, began)
    cluster.client.delete(f"/api/media/{media['id']}").raise_for_status()
    cluster.sleep()
    return Run(_when(job["finished_at"]) - began, work, parts)


def _parts(cluster: Cluster, job: Mapping[str, Any], began: float) -> dict[str, float]:
    """Return where the time went, by the job's times, the worker's log and the windows' files."""
    lines = (cluster.folder / WORKERS_LOG).read_text(encoding="utf-8").splitlines()
    steps = [json.loads(line) for line in lines if '"transcribe"' in line and job["id"] in line]
    heard = [(_when(step["timestamp"]) - step["ms"] / 1000, _when(step["timestamp"])) for step in steps]
    first, last = min(start for start, _ in heard), max(end for _, end in heard)
    created, finished = _when(job["created_at"]), _when(job["finished_at"])
    cut = max(file.stat().st_mtime for file in (cluster.folder / "data" / "blobs" / "windows").rglob("*.flac"))
    return {
        "upload": created - began,
        "first_window": first - created,
        "listening": last - first,
        "rest": finished - last,
        "decoded": cut - created,
    }


def _when(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    main()

"""What can die under a running transcription, and how it is killed: each victim returns what it may have interrupted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.cluster import Cluster, engines_of
from harness.databases import allow_connections, break_connections
from harness.paced import Listening, PacedLog, busy
from harness.report import require
from harness.service import Process

BUSY_SECONDS = 10.0
OUTAGE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Strike:
    """A kill: when it happened (`time.monotonic()`), and how many windows the victim may have been at.

    `heirs` says whether others lived on who can take over what it was at.
    """

    when: float
    in_flight: int
    heirs: bool = False


Victim = Callable[[Cluster, PacedLog], Strike]


def worker(cluster: Cluster, log: PacedLog) -> Strike:
    """Kill the worker that listens to most windows."""
    busiest = _busiest(cluster, log)
    return Strike(cluster.kill_worker(busiest), cluster.at_a_time, heirs=True)


def frozen(cluster: Cluster, log: PacedLog) -> Strike:
    """Stop a worker without ending it: like one on another machine that is gone, it can only be missed by its silence."""
    busiest = _busiest(cluster, log)
    when = time.monotonic()
    busiest.send_signal(signal.SIGSTOP)
    return Strike(when, cluster.at_a_time, heirs=True)


def web(cluster: Cluster, _log: PacedLog) -> Strike:
    return Strike(cluster.replace_web(), 0)


def engine(_cluster: Cluster, log: PacedLog) -> Strike:
    """Kill the engine that began a window last: it has the longest way to go."""
    listening = _wait_for_busy(log)
    when = time.monotonic()
    os.kill(listening[-1].pid, signal.SIGKILL)
    return Strike(when, 1)


def database(cluster: Cluster, _log: PacedLog) -> Strike:
    """End every connection to PostgreSQL, as a restart of the server does."""
    when = time.monotonic()
    require(break_connections(cluster.database_url) > 0, "there was no connection to the database")
    return Strike(when, len(cluster.workers) * cluster.at_a_time)


def outage(cluster: Cluster, _log: PacedLog) -> Strike:
    """Let PostgreSQL refuse connections for some seconds."""
    when = time.monotonic()
    allow_connections(cluster.database_url, allowed=False)
    try:
        break_connections(cluster.database_url)
        time.sleep(OUTAGE_SECONDS)
    finally:
        allow_connections(cluster.database_url, allowed=True)
    return Strike(when, len(cluster.workers) * cluster.at_a_time)


def everything(cluster: Cluster, _log: PacedLog) -> Strike:
    """Kill all processes, as a power cut would, and start them again."""
    count = len(cluster.workers)
    when = min([cluster.kill_worker(each) for each in list(cluster.workers)])
    cluster.replace_web()
    cluster.have_workers(count)
    return Strike(when, count * cluster.at_a_time)


def _busiest(cluster: Cluster, log: PacedLog) -> Process:
    engines = {each.pid: engines_of(each) for each in cluster.workers}
    pids = [listening.pid for listening in _wait_for_busy(log)]
    return max(cluster.workers, key=lambda each: sum(pid in engines[each.pid] for pid in pids))


def _wait_for_busy(log: PacedLog) -> Sequence[Listening]:
    """Return what is being listened to, once something is: between two windows there may be nothing for a moment."""
    require(log.wait(lambda heard: bool(busy(heard)), BUSY_SECONDS), "no engine was busy any more")
    return busy(log.listenings())

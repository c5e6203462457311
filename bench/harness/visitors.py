"""People who come and go, sent by Locust from a process of its own: what they do is in `harness/visits.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.report import InvalidMeasureError

PASSWORD = "correct horse battery"
LOCUSTFILE = Path(__file__).with_name("visits.py")
LEAVE_SECONDS = 120.0  # for the visits that are going on when nobody else comes


@dataclass(slots=True)
class Visitors:
    """Visits of people who sign in as this user, at each of the servers in turn; what went wrong stands in `errors`."""

    servers: Sequence[str]
    user: str
    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    begun: int = 0

    def come(self, people: int, every: float, seconds: float) -> None:
        """Let so many people come, each so many seconds after they came before, or as soon as they have left.

        Returns when all have left. Raises InvalidMeasureError when they cannot be sent.
        """
        command = (
            sys.executable, "-m", "locust", "--headless", "--skip-log-setup", "--locustfile", str(LOCUSTFILE),
            "--users", str(people), "--spawn-rate", str(people / every),
            "--run-time", f"{seconds:g}s", "--stop-timeout", f"{LEAVE_SECONDS:g}",
            "--servers", ",".join(self.servers), "--name", self.user, "--password", PASSWORD,
            "--first", str(self.begun), "--every", str(every),
        )  # fmt: skip
        done = subprocess.run(command, cwd=LOCUSTFILE.parents[1], capture_output=True, text=True, check=False)
        try:
            told = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            said = done.stderr.strip().splitlines()
            raise InvalidMeasureError(f"no visitors came: {said[-1] if said else 'nothing was said'}") from None
        self.requests.update(told["requests"])
        self.errors.update(told["errors"])
        self.begun = told["begun"]

"""Leaves a service alone that fails again and again: whoever asks is told at once instead of after a minute of waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

from videochat.errors import ProviderUnavailableError, VideoChatError

FAILURES = 5  # in a row
OPEN_SECONDS = 30.0


class Breaker:
    """Counts failures of one service, of a provider if not told otherwise.

    After five in a row nobody asks for half a minute, and then one does first. Only a service that cannot be reached or is
    overloaded (`unavailable`) counts as failing: a refusal is an answer.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        unavailable: type[VideoChatError] = ProviderUnavailableError,
        who: str = "The language model's provider",
    ) -> None:
        self._clock = clock
        self._unavailable = unavailable
        self._who = who
        self._failures = 0
        self._closed_from = 0.0
        self._trying = False

    @property
    def failing(self) -> bool:
        """Say whether the service is left alone, or would be tried first."""
        return self._failures >= FAILURES

    def enter(self) -> None:
        """Ask whether the service may be asked now. Raises `unavailable`."""
        if not self.failing:
            return
        left = self._closed_from - self._clock()
        if left > 0 or self._trying:
            raise self._unavailable(
                f"{self._who} failed {self._failures} times in a row; it is asked again in "
                f"{max(1, round(left))} seconds."
            )
        self._trying = True

    def leave(self, error: VideoChatError | None, *, answered: bool) -> None:
        """Note how a request that was let in has ended; it may have been neither answered nor have failed: its asker left."""
        self._trying = False
        if isinstance(error, self._unavailable):
            self._failures += 1
            self._closed_from = self._clock() + OPEN_SECONDS
        elif answered or error is not None:
            self._failures = 0

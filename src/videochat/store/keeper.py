"""Keeps the settings of a running process up to date with their sources and with what was changed over the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import SecretStr, TypeAdapter

from videochat.errors import ConfigurationError, ConflictError, InvalidError, VideoChatError
from videochat.ops.actor import Actor
from videochat.ops.keeping import keep
from videochat.ops.live import LiveSettings, Setting, reloadable
from videochat.ops.metrics import Metrics
from videochat.ops.production import check_change
from videochat.ops.sealing import Sealer
from videochat.ops.tasks import cancelled
from videochat.settings import Settings, source_files
from videochat.store import overrides
from videochat.store.feed import EventFeed, within
from videochat.store.overrides import Override
from videochat.store.session import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0  # at the files; what changes in the database is heard
ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)  # writes paths as JSON too, which `json` does not
UNSET = "null"  # as a secret that was unset is stored: there is nothing to seal

Read = Callable[[], Settings]


@dataclass(frozen=True, slots=True)
class Refused:
    """What is not in force because it is not valid: a setting that was changed, or all that the sources say (no name)."""

    name: str | None
    message: str


class SettingsKeeper:
    """Takes up what changes in the sources (`read` reads them anew) and in the database, whole or not at all.

    What is invalid is logged and counted, and the settings stay as they were; `refused` says it as long as it is so.
    """

    def __init__(
        self, live: LiveSettings, read: Read, database: Database, feed: EventFeed, metrics: Metrics
    ) -> None:  # fmt: skip
        self._live = live
        self.refused: tuple[Refused, ...] = ()
        self._read = read
        self._database = database
        self._feed = feed
        self._metrics = metrics
        live.watch(check_change)  # wherever a change comes from
        self._configured = live.current
        self._sealer = Sealer(live.current.secret_key, "settings")
        self._seen: object = None
        self._asked = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def configured(self) -> Settings:
        """What the sources say, without what was changed while the service ran."""
        return self._configured

    async def start(self) -> None:
        """Take up what was changed before, and keep up with changes from now on."""
        self._seen = _signature(self._configured)
        await self._take_up()
        self._loop = keep("settings", self._keep_up)

    async def close(self) -> None:
        if self._loop is not None:
            await cancelled(self._loop)

    def reload(self) -> None:
        """Read the sources again soon, whether their files seem to have changed or not."""
        self._asked.set()

    async def overrides(self) -> list[Override]:
        async with self._database.read() as session:
            return await overrides.every(session)

    async def change(self, actor: Actor, name: str, value: Any) -> None:
        """Give a setting another value, in all processes.

        Raises NotFoundError, InvalidError, and ConflictError for what this installation is not configured for.
        """
        setting = reloadable(name)
        wanted = setting.within(self._live.current, value)
        async with self._one_at_a_time:
            before = self._live.current
            try:
                written = self._written(setting.of(wanted))
                self._live.take_up(wanted)
            except ConfigurationError as error:
                raise ConflictError(error.message) from error
            try:
                async with self._database.write() as session:
                    await overrides.put(session, name, written, actor.id)
            except VideoChatError:
                self._live.take_up(before)
                raise
        self._metrics.settings_reloads.labels("taken").inc()
        log.info("settings.set", setting=name, by=actor.id)

    async def reset(self, actor: Actor, name: str) -> None:
        """Let a setting be again what its source says. Raises NotFoundError."""
        reloadable(name)
        async with self._database.write() as session:
            await overrides.remove(session, name)
        log.info("settings.reset", setting=name, by=actor.id)
        await self._take_up()

    async def _keep_up(self) -> None:
        with self._feed.news(overrides.STREAM) as news:
            while True:
                heard = await within(news, LOOK_SECONDS)
                news.clear()
                changed = (signature := _signature(self._configured)) != self._seen
                if heard or changed or self._asked.is_set():
                    self._asked.clear()
                    self._seen = signature
                    with ExitStack() as untaken:
                        untaken.callback(self._asked.set)  # what could not be read is read again
                        await self._take_up(anew=True)
                        untaken.pop_all()

    async def _take_up(self, *, anew: bool = False) -> None:
        async with self._one_at_a_time:
            refused: list[Refused] = []
            try:
                if anew:
                    self._configured = await asyncio.to_thread(self._read)
                wanted = self._with(self._configured, await self.overrides(), refused)
                taken = self._live.take_up(wanted)
            except VideoChatError as error:
                refused.append(self._refused(None, error))
                return
            finally:
                self.refused = tuple(refused)
        if taken:
            self._metrics.settings_reloads.labels("taken").inc()
            log.info("settings.changed", names=taken)
        if self._live.waiting:
            log.warning("settings.wait_for_a_restart", names=self._live.waiting)

    def _with(self, settings: Settings, changed: Sequence[Override], refused: list[Refused]) -> Settings:
        """Return the settings with what was changed; one value that is not valid (any more) does not spoil the others."""
        for override in changed:
            try:
                setting = reloadable(override.name)
                wanted = setting.within(settings, self._value(setting, override.value))
                check_change(settings, wanted)
                settings = wanted
            except VideoChatError as error:
                refused.append(self._refused(override.name, error))
        return settings

    def _refused(self, name: str | None, error: VideoChatError) -> Refused:
        self._metrics.settings_reloads.labels("refused").inc()
        log.warning("settings.refused", setting=name, code=error.reason, error=error.message)
        return Refused(name, error.message)

    def _written(self, value: Any) -> str:
        if isinstance(value, SecretStr):
            return self._sealer.seal(value.get_secret_value())
        return ANYTHING.dump_json(value).decode()

    def _value(self, setting: Setting, written: str) -> Any:
        """Return the value again. Raises InvalidError and ConfigurationError."""
        if setting.secret and written != UNSET:
            return self._sealer.open(written)
        try:
            return json.loads(written)
        except ValueError as error:
            raise InvalidError(f"{setting.name}: what is stored is no JSON.") from error


def _signature(settings: Settings) -> list[tuple[str, int, int]]:
    """Return what differs when a file that settings come from was changed, made or removed."""
    found = []
    for path in source_files(settings):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_ino))
    return found

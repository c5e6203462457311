"""What every notifier does: the double and apprise, against a server that takes what is sent, fails, moves, hangs and is gone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from fake_notifier import FakeNotifier
from receiver import HANG, Receiver, receiver
from videochat.errors import ConfigurationError, NotificationError
from videochat.ops import notices
from videochat.ops.notifier import Destination, Notice, Notifier, load_destinations
from videochat.ops.notifiers import apprise
from videochat.ops.notifiers.apprise import AppriseNotifier
from videochat_shout.notifier import Board
from waiting import until

NOTICE = Notice("Critical: NoWorker", "No worker is alive – nobody.", "failure")
PASSWORD = "pa55wordOfTheHook"
Titles = Callable[[], list[str]]


@asynccontextmanager
async def fake(failures: Sequence[str | None]) -> AsyncIterator[tuple[Notifier, Titles]]:
    notifier = FakeNotifier(failures)
    yield notifier, lambda: [notice.title for notice in notifier.sent]


@asynccontextmanager
async def real(failures: Sequence[str | None]) -> AsyncIterator[tuple[Notifier, Titles]]:
    statuses = [500 if failure else 200 for failure in failures]
    async with receiver(*statuses, 200) as server:
        taken = len([status for status in statuses if status == 500])
        notifier = AppriseNotifier.from_url(url(server))
        yield notifier, lambda: [one.json["title"] for one in server.received[taken:]]


@asynccontextmanager
async def example(failures: Sequence[str | None]) -> AsyncIterator[tuple[Notifier, Titles]]:
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / "board"
        yield Board.from_url(f"shout://{board}"), lambda: board.read_text().replace("!", "").splitlines()


def url(server: Receiver) -> str:
    return f"json://me:{PASSWORD}@{server.address}/hook"


Made = Callable[[Sequence[str | None]], AbstractAsyncContextManager[tuple[Notifier, Titles]]]


@pytest.mark.parametrize("made", [fake, real, example])
async def test_a_notice_arrives(made: Made) -> None:
    """Once for each time it is sent, with its title."""
    async with made([]) as (notifier, titles):
        await notifier.send(NOTICE)
        await notifier.send(NOTICE)
        assert [title.lower() for title in titles()] == [NOTICE.title.lower()] * 2


@pytest.mark.parametrize("made", [fake, real])
async def test_a_refusal_is_an_error_that_may_pass(made: Made) -> None:
    """It can be tried again, and says why without the address."""
    async with made(["Out of order."]) as (notifier, titles):
        with pytest.raises(NotificationError) as refused:
            await notifier.send(NOTICE)
        assert refused.value.retryable
        assert refused.value.message
        assert PASSWORD not in refused.value.message
        await notifier.send(NOTICE)
        assert titles() == [NOTICE.title]


@pytest.mark.parametrize("kind", [FakeNotifier, AppriseNotifier, Board])
def test_an_address_that_cannot_be_used_is_refused_at_once(kind: type[Notifier]) -> None:
    """Before anything is sent, and the error does not repeat it."""
    with pytest.raises(ConfigurationError) as refused:
        kind.from_url("nonsense://keep-this-t0ken")
    assert "t0ken" not in refused.value.message


async def test_the_example_says_why_it_cannot_write(tmp_path: Path) -> None:
    """Its file may be there later, so that it is tried again; where it is, is not said."""
    with pytest.raises(NotificationError, match="No such file") as refused:
        await Board.from_url(f"shout://{tmp_path}/{PASSWORD}/board").send(NOTICE)
    assert refused.value.retryable
    assert PASSWORD not in refused.value.message


async def test_all_of_the_notice_is_sent() -> None:
    """Title, text and kind arrive unchanged, with the credentials of the address."""
    async with receiver() as server:
        await AppriseNotifier.from_url(url(server)).send(NOTICE)
    (one,) = server.received
    assert (one.json["title"], one.json["message"], one.json["type"]) == (NOTICE.title, NOTICE.body, "failure")
    assert one.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(("status", "said"), [(500, "500"), (404, "404"), (302, "302")])
async def test_what_is_not_taken_is_said(status: int, said: str) -> None:
    """Also where the destination has moved: nobody follows, for the message would be lost on the way."""
    async with receiver(status) as server:
        with pytest.raises(NotificationError, match=said):
            await AppriseNotifier.from_url(url(server)).send(NOTICE)
    assert len(server.received) == 1


async def test_nobody_there_is_said() -> None:
    """A refused connection is an error, not a success and not a hang."""
    async with receiver() as server:
        gone = server.address
    with pytest.raises(NotificationError, match="Connection"):
        await AppriseNotifier.from_url(f"json://{gone}").send(NOTICE)


async def test_a_hanging_destination_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, the try is given up in its time, and there is never a second thread for the destination."""
    monkeypatch.setattr(notices, "SEND_SECONDS", 0.2)
    async with receiver(HANG, 200) as server:
        notifier = AppriseNotifier.from_url(f"{url(server)}?rto=2")
        destination = Destination("json 1", "json", frozenset(), notifier)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        failure = await notices.send(destination, NOTICE)
        ticking.cancel()
        assert failure == "There was no answer within 0.2 s."
        assert ticks > 5
        assert await notices.send(destination, NOTICE) == apprise.STUCK
        await until(lambda: not notifier._busy)
        assert await notices.send(destination, NOTICE) is None
    assert len(server.received) == 2


def test_addresses_become_destinations() -> None:
    """Named after kind and place, with the tags in front; the adapter is found by its entry point."""
    one, other = load_destinations([SecretStr("json://127.0.0.1/a"), SecretStr("ops,night=jsons://127.0.0.1/b=c")])
    assert (one.name, one.kind, one.tags) == ("json 1", "json", frozenset())
    assert (other.name, other.kind, other.tags) == ("jsons 2", "jsons", {"ops", "night"})
    assert isinstance(one.notifier, AppriseNotifier)
    assert [place.is_for(None) for place in (one, other)] == [True, True]
    assert [place.is_for({"ops"}) for place in (one, other)] == [False, True]


@pytest.mark.parametrize("wrong", ["keep-this-t0ken", "nonsense://keep-this-t0ken", "a b=json://keep-this-t0ken"])
def test_a_wrong_address_is_named_by_its_place(wrong: str) -> None:
    """The service does not start, and the error says which one it is and not what."""
    with pytest.raises(ConfigurationError, match="ALERTS__NOTIFY_URLS, number 2") as refused:
        load_destinations([SecretStr("json://127.0.0.1"), SecretStr(wrong)])
    assert "t0ken" not in refused.value.message

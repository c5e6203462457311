"""People who come, do everything once that can be done with a recording, clean up and leave: a locustfile.

    locust -f bench/harness/visits.py --headless --skip-log-setup --users 4 --spawn-rate 1 --run-time 20 --stop-timeout 60 \
        --servers http://127.0.0.1:8000 --name ann --password … --first 0 --every 4

Each visit is one user's task: at each of the servers in turn, with a recording that no other visit has. It counts as a request
of the kind VISIT, which fails with what went wrong first. Prints one JSON line in the end (see `harness.visitors`). Locust
patches the sockets of its process, so nothing else may import this.
"""

from __future__ import annotations

import itertools
import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import gevent
from locust import HttpUser, events, task
from locust.clients import HttpSession, ResponseContextManager
from locust.env import Environment
from requests import RequestException

from harness.paced import segments_of
from harness.recordings import noise, second_of_noise

PATIENCE = 60.0  # for one answer of the service, on a busy machine
END = b"event: end"
VISIT = "VISIT"


class UnexpectedError(Exception):
    """The service did not do what a visitor may expect."""


@events.init_command_line_parser.add_listener
def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--servers", help="addresses, with commas between them")
    parser.add_argument("--name", help="whom all sign in as")
    parser.add_argument("--password")
    parser.add_argument("--first", type=int, default=0, help="number of the first recording: each makes another one")
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two visits of the same person")


@events.init.add_listener
def begin(environment: Environment, **_: object) -> None:
    """Number the visits of this run."""
    Person.numbers = itertools.count(environment.parsed_options.first)


@events.quitting.add_listener
def tell(environment: Environment, **_: object) -> None:
    """Print how many requests of each kind there were, and what went wrong how often."""
    stats, crashes = environment.stats, environment.runner.exceptions.values()
    failures = {f"{one.method} {one.name}: {one.error}": one.occurrences for one in stats.errors.values()}
    errors = failures | {f"a visitor failed: {one['msg']}": one["count"] for one in crashes}
    sent = [one for one in stats.entries.values() if one.method != VISIT]
    requests = {f"{one.method} {one.name}": one.num_requests for one in sent}
    print(json.dumps({"begun": next(Person.numbers), "requests": requests, "errors": errors}), flush=True)


class Person(HttpUser):
    """One person with one browser, who comes again and again."""

    host = "chosen for each visit"
    numbers: Iterator[int]

    def wait_time(self) -> float:
        """Return the seconds until this person comes again."""
        every: float = self.environment.parsed_options.every
        return max(0.0, self._came + every - time.monotonic())

    @task
    def visit(self) -> None:
        self._came = time.monotonic()
        options, number, error = self.environment.parsed_options, next(self.numbers), None
        servers = options.servers.split(",")
        try:
            Visit(self.client, servers[number % len(servers)]).of(options.name, options.password, number)
        except (UnexpectedError, RequestException) as failure:
            error = failure
        finally:
            self.client.cookies.clear()
            self.client.close()
        self.environment.events.request.fire(
            request_type=VISIT, name="of one recording", response_time=1000 * (time.monotonic() - self._came),
            response_length=0, exception=error, context={},
        )  # fmt: skip


class Visit:
    """What somebody does between signing in and signing out."""

    def __init__(self, client: HttpSession, server: str) -> None:
        self._client = client
        self._server = server
        client.headers["Origin"] = server

    def of(self, name: str, password: str, number: int) -> None:
        self.ask("POST", "/api/session", json={"name": name, "password": password})
        with self.watching("/api/events"):
            self.one_recording(number)
        self.ask("DELETE", "/api/session")

    def one_recording(self, number: int) -> None:
        """Upload a recording that nobody has sent before, read what was heard, find it, ask about it, and delete all."""
        media = self.ask("POST", f"/api/media?name={number}.wav", data=second_of_noise(number)).json()
        self.follow(f"/api/jobs/{media['job']['id']}/events")
        self.ask("GET", "/api/media?limit=20")
        text = " ".join(segment.text for segment in segments_of(noise(number)))
        transcript = self.ask("GET", f"/api/media/{media['id']}/transcript").json()
        heard = " ".join(segment["text"] for segment in transcript["segments"])
        _expect(heard == text, f"the transcript says {heard!r} instead of {text!r}")
        found = self.ask("GET", f"/api/search?q={text}").json()["items"]
        _expect([hit["media"] for hit in found] == [media["id"]], "the search found something else")
        answer = self.answer(f"What of {text}?", media["id"])
        self.ask("DELETE", f"/api/conversations/{answer['conversation']}")
        self.ask("DELETE", f"/api/media/{media['id']}")

    def answer(self, question: str, media_id: str) -> dict[str, Any]:
        """Ask, follow the answer to its end and return it."""
        asked = self.ask("POST", "/api/answers", json={"question": question, "media": [media_id]}).json()
        self.follow(f"/api/answers/{asked['id']}/events")
        found: dict[str, Any] = self.ask("GET", f"/api/answers/{asked['id']}").json()
        _expect(found["status"] == "completed", f"an answer is {found['status']}")
        return found

    def ask(self, method: str, path: str, kind: str | None = None, **given: Any) -> ResponseContextManager:
        """Send a request, which counts as one of this kind. Raises UnexpectedError unless it succeeds."""
        kind = kind or "/".join(path.partition("?")[0].split("/")[:3])
        answer = self._client.request(method, self._server + path, name=kind, timeout=PATIENCE, **given)
        _expect(answer.ok, f"{method} {kind} was answered with {answer.status_code}")
        return answer

    def follow(self, path: str) -> None:
        """Read the stream of events to its end."""
        late = UnexpectedError("a stream did not end")
        with (
            gevent.Timeout(PATIENCE, late),
            closing(self.ask("GET", path, "a stream to its end", stream=True)) as answer,
        ):
            kinds = [line for line in answer.iter_lines() if line.startswith(b"event:")]
        _expect(kinds[-1:] == [END], "a stream ended without its end")

    @contextmanager
    def watching(self, path: str) -> Iterator[None]:
        """Have a stream open that has no end, and leave it as a browser does whose tab is closed."""
        with closing(self.ask("GET", path, "a stream that is left", stream=True)) as answer:
            reading = gevent.spawn(lambda: [*answer.iter_lines()])
            try:
                yield
                _expect(not reading.dead, "a stream without an end ended")
            finally:
                reading.kill()


def _expect(held: bool, otherwise: str) -> None:
    if not held:
        raise UnexpectedError(otherwise)

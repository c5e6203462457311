"""No secret gets into a log line, wherever it stands in what is logged."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videochat.access.tokens import PREFIXES, Kind, new_token
from videochat.ops.redaction import BLANK, Redactor, secrets_in, secrets_of
from videochat.settings import Settings


def logged(redactor: Redactor, **event: Any) -> dict[str, Any]:
    return dict(redactor(None, "info", event))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer …"),
        ("{'authorization': 'Basic dXNlcjpwdw=='}", "{'authorization': 'Basic …'}"),
        ("Incorrect API key provided: sk-abc***xyz.", "Incorrect API key provided: …."),
        ("sk-proj-Ab_9-zzzzzzzz is wrong", "… is wrong"),
        ("postgresql://me:p%40ss@db/videochat failed", "postgresql://me:…@db/videochat failed"),
        ("redis://:hidden@cache", "redis://:…@cache"),
        ("host=db user=me password=hidden dbname=x", "host=db user=me password=… dbname=x"),
        ("GET /v1?api_key=hidden&n=1", "GET /v1?api_key=…&n=1"),
        ('{"client_secret": "hidden", "n": 1}', '{"client_secret": "…", "n": 1}'),
        ("hf_abcdefghijklmnopqrstuv", "…"),
        ("AKIAABCDEFGHIJKLMNOP", "…"),
    ],
)
def test_what_looks_like_a_secret_is_blanked(said: str, left: str) -> None:
    """Its shape is enough, in our lines and in those of libraries; the rest of the line stays readable."""
    assert logged(Redactor(), event=said) == {"event": left}


@pytest.mark.parametrize("kind", PREFIXES)
def test_our_own_tokens_are_known_by_their_shape(kind: Kind) -> None:
    """Somebody puts a key, a session or a link where an address or an id belongs; what tells them apart stays readable."""
    token = new_token(kind)
    event = logged(Redactor(), path=f"/shared/{token.text}", request_id=f"x{token.text}", begins=token.shown)
    assert event == {"path": f"/shared/{BLANK}", "request_id": f"x{BLANK}", "begins": token.shown}


@pytest.mark.parametrize(
    "said",
    [
        "the basic offline recogniser",
        "Setting AI__API_KEY: Field required.",
        "serving on http://127.0.0.1:8000/api/media?q=a@b",
        "input_tokens=7 of 8000, risk-averse-people, disk-full-again",
        "sqlite:////data/videochat.db",
    ],
)
def test_ordinary_lines_stay_as_they_are(said: str) -> None:
    """A log in which half is blank helps nobody."""
    assert logged(Redactor(), event=said, level="info", ms=12.5) == {"event": said, "level": "info", "ms": 12.5}


@pytest.mark.parametrize(
    ("address", "secret", "plain"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts", "TIiajkdnlazkcOXrIdevi7FQ", "alerts"),
        (
            "tgram://123456789:AAHdqTcvbXYZdeFgHiJkLmNoPqRsTuVwXyZ/12315544",
            "AAHdqTcvbXYZdeFgHiJkLmNoPqRsTuVwXyZ",
            "tgram",
        ),
        ("mailto://me:plain-words@example.org?to=boss@example.com", "plain-words", "example.org"),
        ("night=json://me:p%40ssword@127.0.0.1:8080/hooks/s3cretpath?x=1", "p@ssword", "127.0.0.1"),
    ],
)
def test_keys_inside_addresses_of_notifications_are_known(
    address: str, secret: str, plain: str, tmp_path: Path
) -> None:
    """Whatever a library makes of the address, its key is blanked; names of hosts and rooms stay readable."""
    redactor = Redactor(secrets_of(Settings(data_dir=tmp_path, alerts={"notify_urls": [address]})))
    line = logged(redactor, event=f"POST {secret} for {plain} failed", whole=address)
    assert line == {"event": f"POST … for {plain} failed", "whole": "…"}


def test_names_that_sound_like_secrets_are_blank_at_every_depth() -> None:
    """Also in what a library was told, below other things."""
    event = logged(Redactor(), api_key="x", options={"headers": [{"Cookie": "x", "Accept": "y"}]}, key=None)
    assert event == {"api_key": BLANK, "options": {"headers": [{"Cookie": BLANK, "Accept": "y"}]}, "key": None}


def test_every_secret_of_the_settings_is_known(tmp_path: Path) -> None:
    """What is declared as a secret, and passwords inside addresses, as written and as meant."""
    settings = Settings(
        data_dir=tmp_path, secret_key="the-signing-key", ai={"api_key": "the-model-key", "base_url": "http://u:gatepw@h/v1"},
        metrics={"token": "the-metrics-token"}, database={"url": "postgresql://me:p%40ssword@db/x"},
    )  # fmt: skip
    known = {"the-signing-key", "the-model-key", "gatepw", "the-metrics-token", "p%40ssword", "p@ssword"}
    assert set(secrets_of(settings)) == known


def test_keys_of_libraries_in_the_environment_are_known() -> None:
    """They are read by others and appear in their errors; what only sounds like a key is left alone."""
    environment = {
        "AWS_SECRET_ACCESS_KEY": "abcdefgh1", "PROXY": "http://me:gateway@proxy", "PATH": "/bin", "COLOR_KEYS": "always",
        "SECRETS_DIR": "/run/secrets", "ODD": "://[",
    }  # fmt: skip
    assert set(secrets_in(environment)) == {"abcdefgh1", "gateway"}


def test_a_secret_that_changed_is_kept_like_the_one_before() -> None:
    """Lines about the old key may still come; too short ones would blank ordinary words."""
    redactor = Redactor(["first-key"])
    redactor.learn(["second-key", "a"])
    assert logged(redactor, event="first-key, second-key and a third") == {"event": "…, … and a third"}


def test_objects_are_logged_as_they_show_themselves() -> None:
    """A path or an error inside an event is text afterwards, without the secret."""
    event = logged(Redactor(["planted"]), error=ValueError("planted"), at=(Path("/a/planted"), 1, None, True))
    assert event == {"error": "ValueError('…')", "at": ["PosixPath('/a/…')", 1, None, True]}


SECRETS = st.text(string.printable.strip() + " äß中", min_size=6, max_size=40).filter(
    lambda text: len(text.strip()) >= 6
)
PLACES = st.recursive(
    st.sampled_from(
        [
            lambda s: f"before{s}after", lambda s: s, ValueError, lambda s: [s], lambda s: (1, s),
            lambda s: json.dumps({"x": s}), lambda s: f"postgresql://me:{quote(s, safe='')}@db", repr, str.encode,
        ]
    ),
    lambda inner: st.builds(lambda place: lambda s: {"deep": [place(s)], s: 1}, inner),
    max_leaves=12,
)  # fmt: skip


def strings(value: Any) -> list[str]:
    """Return every string inside the value."""
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


@given(secret=SECRETS, place=PLACES)
def test_a_known_secret_is_in_no_line(secret: str, place: Any) -> None:
    """Whatever it consists of, however deep and however written it stands: the line as JSON does not give it away."""
    line = json.dumps(logged(Redactor([secret]), event="it failed", value=place(secret)))
    assert secret not in line
    assert all(secret not in text for text in strings(json.loads(line)["value"]))

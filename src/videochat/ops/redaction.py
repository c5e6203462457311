"""Keeps secrets out of log lines: by the names of values, by what secrets look like, and those we know word for word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import BaseModel, SecretStr
from structlog.typing import EventDict, WrappedLogger

from videochat.settings import Settings

BLANK = "…"
SECRET_NAMES = re.compile(r"key|token|secret|password|authorization|cookie", re.IGNORECASE)
SHORTEST = 6  # shorter ones would blank ordinary words; names and shapes still find them
SHORTEST_OF_OTHERS = 8  # `COLOR_TOKENS=always` in the environment is no secret
NOT_SECRET = frozenset({"SECRETS_DIR"})  # sounds like one and is a folder
DEEPEST = 8
OURS = frozenset({"level", "timestamp"})
WORD_BREAKS = re.compile(r"[/?&=:@#,\s]+")
LIKE_A_KEY = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+~%$!*-]{8,}|[\w+~%$!*-]{16,}")

# Each with what stays of it.
SHAPES = (
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1{BLANK}"),
    (re.compile(r"\b(authorization[\"']?\s*[:=]\s*[\"']?\w+\s+)[^\s\"',]+", re.IGNORECASE), rf"\1{BLANK}"),
    (re.compile(r"(://[^\s/@:\"']*:)[^\s/@\"']+@"), rf"\1{BLANK}@"),
    # As in a query, in a database's name=value pairs, in a repr or in JSON. `input_tokens=7` is none.
    (
        re.compile(
            r"((?:api|access|private)[_-]?key|secret\w*|token|passw(?:or)?d|cookie)"
            r"(=[\"']?|\\?[\"']\s*[:=]\s*\\?[\"'])[^\s\"'&,;)}\\]+",
            re.IGNORECASE,
        ),
        rf"\1\2{BLANK}",
    ),
    # Our own; keys of OpenAI (also half masked, as its errors show them), Hugging Face, GitHub, AWS, Google; JSON web tokens.
    (
        re.compile(
            r"vc[ksl]_[\w-]{12,}|\bsk-[\w*-]{6,}|\bhf_\w{16,}|\bgh[pousr]_\w{16,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}"
            r"|\beyJ[\w-]{6,}\.[\w-]+\.[\w-]+"
        ),
        BLANK,
    ),
)
# What is in every text that has one of the shapes: nearly all have none, and are spared the rest.
HINTS = re.compile(r"bearer|authorization|://|key|secret|token|passw|cookie|vc[ksl]_|sk-|hf_|gh[pousr]_|akia|aiza|eyj")


class Redactor:
    """A processor of structlog that blanks secrets wherever they stand in an event; it learns those that come later."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Blank these too from now on. What was a secret before stays one."""
        self._known |= {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        if self._known:
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for name, value in event.items():
            if name not in OURS and not name.startswith("_"):  # those are the formatter's own
                event[name] = self._blank(name, value, 0)
        return event

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(BLANK, text)
        if HINTS.search(text.lower()):
            for shape, rest in SHAPES:
                text = shape.sub(rest, text)
        return text

    def _blank(self, name: str, value: Any, depth: int) -> Any:
        return BLANK if value and _sounds_secret(name) else self._clean(value, depth)

    def _clean(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth < DEEPEST:
            if isinstance(value, Mapping):
                return {self.text(str(name)): self._blank(str(name), one, depth + 1) for name, one in value.items()}
            if isinstance(value, list | tuple | set | frozenset):
                return [self._clean(one, depth + 1) for one in value]
        return self.text(repr(value))


@lru_cache(1024)  # nearly all names stand in the code, and each line has several
def _sounds_secret(name: str) -> bool:
    return SECRET_NAMES.search(name) is not None


def secrets_of(settings: Settings) -> Iterator[str]:
    """Yield every secret of the settings, and passwords in addresses."""
    yield from _secrets_in(settings)


def secrets_in(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what sounds like a secret in the environment: also keys that only libraries read."""
    for name, value in environment.items():
        if SECRET_NAMES.search(name) and name not in NOT_SECRET and len(value) >= SHORTEST_OF_OTHERS:
            yield value
        elif "://" in value:
            yield from _password_in(value)


def _secrets_in(group: BaseModel) -> Iterator[str]:
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            yield from _secrets_in(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, list):
            yield from (word for one in value if isinstance(one, SecretStr) for word in _in_address(one))
        elif isinstance(value, str) and "://" in value:
            yield from _password_in(value)


def _password_in(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:  # not an address after all
        return
    if password:
        yield from (password, unquote(password))


def _in_address(address: SecretStr) -> Iterator[str]:
    yield address.get_secret_value()
    yield from words_of_address(address.get_secret_value())


def words_of_address(url: str) -> Iterator[str]:
    """Yield what is secret in an address of ours: its password, and every part that looks like a key and not like a name.

    In a webhook the key may stand anywhere, also where other addresses have their host.
    """
    yield from _password_in(f"any://{url.partition('://')[2]}")  # whatever its scheme, and the tags before it
    for word in map(unquote, WORD_BREAKS.split(url)):
        if LIKE_A_KEY.fullmatch(word):
            yield word


def _forms(secret: str) -> set[str]:
    """Return how the secret may be written: as it is, in an address, in JSON, in a repr."""
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.strip(),
    } - {""}

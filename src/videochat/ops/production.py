"""What must be right before others rely on an installation: checked where ENVIRONMENT is staging or production."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from videochat.errors import ConfigurationError, InvalidError
from videochat.settings import Settings

SERIOUS = frozenset({"staging", "production"})
KEY_LENGTH = 32
KEY_CHARACTERS = 8  # fewer different ones are no random text, however long
# As examples and templates write it. Random text has none of these but by an accident that never happens.
PLACEHOLDER = re.compile(
    r"change.?(me|this)|your.{0,9}(secret|key)|secret.?key|insecure|placeholder|example|password", re.IGNORECASE
)
MAKE_ONE = "set it to what `openssl rand -hex 32` prints."
# Stores that several machines share.
SHARED_STORES = frozenset({"s3"})


def check_production(settings: Settings) -> None:
    """Raise ConfigurationError that lists everything that must not be so in this environment."""
    if found := [*production_problems(settings)]:
        raise ConfigurationError(f"Not fit for ENVIRONMENT={settings.environment}: {' '.join(found)}")


def check_change(before: Settings, after: Settings) -> None:
    """Raise InvalidError that lists what would not be fit any more after this change; what was not before is not judged."""
    known = {*production_problems(before)}
    if found := [problem for problem in production_problems(after) if problem not in known]:
        raise InvalidError(" ".join(found))


def production_problems(settings: Settings) -> Iterator[str]:
    """Yield what is wrong, each with what to set; nothing where people develop and test."""
    if settings.environment not in SERIOUS:
        return
    yield from _wrong_with_key(settings.secret_key.get_secret_value() if settings.secret_key else "")
    if problem := unguarded(settings):
        yield problem
    if settings.auth.mode in {"users", "oidc"} and not (settings.server.public_url or "").startswith("https://"):
        yield (
            "SERVER__PUBLIC_URL is not an https address, and cookies of people who sign in could be read on their way: set "
            "it to the address of the reverse proxy that has the certificate."
        )
    if any("*" in origin for origin in settings.server.cors_origins):
        yield "SERVER__CORS_ORIGINS lets every page call the API: list the origins that may."
    if settings.log.level == "DEBUG":
        yield "LOG__LEVEL=DEBUG writes what nobody should keep: set INFO."
    if settings.database_url.startswith("sqlite") and urlsplit(settings.storage_url).scheme in SHARED_STORES:
        yield (
            "STORAGE__URL is a store that several machines share, but DATABASE__URL is SQLite on one of them: set "
            "DATABASE__URL=postgresql://…"
        )


def unguarded(settings: Settings) -> str | None:
    """Say why the address is not listened on, in any environment; None when it is."""
    host = settings.server.host
    if settings.auth.mode != "none" or is_loopback(host):
        return None
    return (
        f"{host} can be reached from other machines, and everybody there could come in: set AUTH__MODE=users (or keys), or "
        "keep SERVER__HOST on 127.0.0.1."
    )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong_with_key(key: str) -> Iterator[str]:
    if not key:
        yield f"SECRET_KEY is missing: {MAKE_ONE}"
    elif PLACEHOLDER.search(key):
        yield f"SECRET_KEY is one that everybody knows: {MAKE_ONE}"
    elif len(key) < KEY_LENGTH or len(set(key)) < KEY_CHARACTERS:
        yield f"SECRET_KEY is too easy to guess (at least {KEY_LENGTH} random characters): {MAKE_ONE}"

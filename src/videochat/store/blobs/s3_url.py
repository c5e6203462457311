"""What a URL such as `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1` says. Keys stand elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from videochat.errors import ConfigurationError

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")
OPTIONS = frozenset({"endpoint", "region"})
EXAMPLE = "write s3://bucket/prefix?endpoint=https://host:9000&region=name; prefix and options may be left out"
# Each of these, or two together, is how a program is told in its environment who it is.
CREDENTIALS = (
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI"},
)


@dataclass(frozen=True, slots=True)
class S3Url:
    """A place in an S3-compatible store; what is None is left to the AWS_… variables and to Amazon's own defaults."""

    bucket: str
    prefix: str | None
    endpoint: str | None
    region: str | None

    @classmethod
    def parse(cls, url: str, environment: Mapping[str, str]) -> S3Url:
        """Read the URL. Raises ConfigurationError that never repeats it: somebody may have written keys into it."""
        parts = _split(url)
        if "@" in parts.netloc:
            raise _wrong("no keys in the URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
        prefix = unquote(parts.path).strip("/")
        if parts.scheme != "s3" or parts.fragment or not BUCKET.fullmatch(parts.netloc) or not PREFIX.fullmatch(prefix):
            raise _wrong(EXAMPLE)
        options = _options(parts.query)
        endpoint = options.get("endpoint") or _first(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        return cls(parts.netloc, prefix or None, endpoint and _checked(endpoint), options.get("region"))

    @property
    def plain(self) -> bool:
        """Whether the way to the store is not encrypted, which somebody must have asked for."""
        return self.endpoint is not None and self.endpoint.startswith("http://")


def check_credentials(environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError when the environment does not say who we are: asking a cloud's metadata could take minutes."""
    given = {name for name, value in environment.items() if value}
    if not any(names <= given for names in CREDENTIALS):
        raise _wrong("an s3 store needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise _wrong(EXAMPLE) from None


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs) or options.keys() - OPTIONS:
        raise _wrong(EXAMPLE)
    return options


def _checked(endpoint: str) -> str:
    parts = _split(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query:
        raise _wrong("the endpoint of an s3 store is http://host:port or https://host:port, without keys")
    return endpoint.rstrip("/")


def _first(environment: Mapping[str, str], *names: str) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"STORAGE__URL: {what}.")

"""What staging and production refuse."""

from __future__ import annotations

from typing import Any

import pytest

from videochat.errors import ConfigurationError
from videochat.ops.production import check_production, production_problems
from videochat.settings import Settings

KEY = "9f2c4e7a1b8d3f60" * 2


def settings(**values: Any) -> Settings:
    return Settings(**{"environment": "production", "secret_key": KEY, **values})


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_good_settings_are_fit(environment: str) -> None:
    """Nothing is asked for beside a key."""
    assert [*production_problems(settings(environment=environment))] == []


@pytest.mark.parametrize(
    "key", [None, "", "short1234", "a" * 40, "change-me-" * 4, "your-secret-key-goes-here-0123456789", "0123456789abcde" * 2]
)  # fmt: skip
def test_a_key_that_can_be_guessed_is_refused(key: str | None) -> None:
    """Missing, short, of few characters or copied from an example: each says how to make one, and never the key."""
    (problem,) = production_problems(settings(secret_key=key))
    assert problem.startswith("SECRET_KEY ")
    assert "openssl rand -hex 32" in problem
    assert not key or key not in problem


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"server": {"host": "0.0.0.0"}}, "SERVER__HOST"),
        ({"server": {"cors_origins": ["https://a.example", "*"]}}, "SERVER__CORS_ORIGINS"),
        ({"server": {"cors_origins": ["https://*.example"]}}, "SERVER__CORS_ORIGINS"),
        ({"auth": {"mode": "users"}}, "SERVER__PUBLIC_URL"),
        ({"auth": {"mode": "users"}, "server": {"public_url": "http://a.example"}}, "SERVER__PUBLIC_URL"),
        ({"auth": {"mode": "oidc"}, "server": {"public_url": "http://a.example"}}, "SERVER__PUBLIC_URL"),
        ({"log": {"level": "DEBUG"}}, "LOG__LEVEL"),
        ({"storage": {"url": "s3://bucket/x"}}, "DATABASE__URL=postgresql"),
    ],
)
def test_each_thing_says_what_to_set(values: dict[str, Any], says: str) -> None:
    """One problem for one mistake, with the name of the setting; where people develop it is none."""
    (problem,) = production_problems(settings(**values))
    assert says in problem
    assert [*production_problems(settings(**values, environment="development"))] == []


@pytest.mark.parametrize("mode", ["users", "oidc"])
def test_people_who_come_by_https_are_fit(mode: str) -> None:
    """With a certificate their cookies cannot be read on their way; keys are in no cookie, and ask for none."""
    assert [*production_problems(settings(auth={"mode": mode}, server={"public_url": "https://a.example"}))] == []
    assert [*production_problems(settings(auth={"mode": "keys"}))] == []


def test_a_bucket_beside_postgresql_is_fit() -> None:
    """Only SQLite, which is on one machine, does not go with a store of several."""
    values: dict[str, Any] = {"storage": {"url": "s3://b"}, "database": {"url": "postgresql://h/n"}}
    assert [*production_problems(settings(**values))] == []


def test_all_problems_are_told_at_once() -> None:
    """Nobody has to start again for each of them."""
    with pytest.raises(ConfigurationError) as error:
        check_production(settings(secret_key=None, log={"level": "DEBUG"}, server={"host": "::"}))
    for name in ("SECRET_KEY", "LOG__LEVEL", "SERVER__HOST"):
        assert name in error.value.message

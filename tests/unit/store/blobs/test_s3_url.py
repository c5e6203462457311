"""Where an S3 store is, and that nobody can write keys into its address."""

from __future__ import annotations

import pytest

from videochat.errors import ConfigurationError
from videochat.store.blobs.s3_url import S3Url, check_credentials


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://talks", S3Url("talks", None, None, None)),
        ("s3://talks/", S3Url("talks", None, None, None)),
        ("s3://talks/a/b_C-1.x/", S3Url("talks", "a/b_C-1.x", None, None)),
        ("s3://talks?region=eu-central-1", S3Url("talks", None, None, "eu-central-1")),
        ("s3://talks?endpoint=http://127.0.0.1:9000/", S3Url("talks", None, "http://127.0.0.1:9000", None)),
        ("s3://talks/a?endpoint=https%3A%2F%2Fs3.home", S3Url("talks", "a", "https://s3.home", None)),
    ],
)
def test_what_a_url_says(url: str, expected: S3Url) -> None:
    """Bucket, and if wanted prefix, endpoint and region."""
    assert S3Url.parse(url, {}) == expected


@pytest.mark.parametrize(
    "url",
    [
        "s3:talks", "s3://", "s3:///talks", "s3://Talks", "s3://t", "s3://talks:9000", "s3://talks/../other",
        "s3://talks/a//b", "s3://talks/a b", "s3://talks#part", "s3://talks?bucket=other", "s3://[talks",
        "s3://talks?region=a&region=b", "s3://talks?endpoint=127.0.0.1:9000", "s3://talks?endpoint=ftp://host",
        "s3://talks?endpoint=http://[host", "https://talks",
    ],
)  # fmt: skip
def test_a_url_that_names_no_place_is_refused(url: str) -> None:
    """What cannot be understood is a mistake, not something to guess at."""
    with pytest.raises(ConfigurationError, match="STORAGE__URL: "):
        S3Url.parse(url, {})


@pytest.mark.parametrize(
    "url", ["s3://id:hunter2@talks", "s3://hunter2@talks/a", "s3://talks?endpoint=https://id:hunter2@host"]
)
def test_keys_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    """A URL is shown and logged, so keys have no place in it; the message says where they belong."""
    with pytest.raises(ConfigurationError, match="keys") as caught:
        S3Url.parse(url, {})
    assert "hunter2" not in caught.value.message


def test_the_endpoint_may_come_from_the_environment() -> None:
    """The variable that other programs use counts where the URL says nothing; an http one is taken for what it is."""
    environment = {"AWS_ENDPOINT_URL": "https://other", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}
    assert S3Url.parse("s3://talks", environment).endpoint == "http://127.0.0.1:9000"
    assert S3Url.parse("s3://talks?endpoint=https://mine", environment).endpoint == "https://mine"
    assert S3Url.parse("s3://talks", environment).plain
    assert not S3Url.parse("s3://talks", {}).plain


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"},
    ],
)
def test_who_we_are_comes_from_the_environment(environment: dict[str, str]) -> None:
    """A pair of keys, or what a cluster puts there for its pods."""
    check_credentials(environment)


@pytest.mark.parametrize(
    "environment", [{}, {"AWS_ACCESS_KEY_ID": "x"}, {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": ""}]
)
def test_without_keys_nothing_is_tried(environment: dict[str, str]) -> None:
    """Half a pair is none, and the message names both."""
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        check_credentials(environment)

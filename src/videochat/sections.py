"""What can be configured, group by group; `settings` makes one tree of them.

A field marked `reloadable` is one that a running service takes up (`ops/live.py`); the others need a restart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict

MIB = 1024**2
GIB = 1024**3
RELOADABLE: JsonDict = {"reloadable": True}


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ServerSettings(Section):
    host: str = Field(
        "127.0.0.1", description="Address to listen on. Without access control only a loopback address is accepted."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]+$",
        description="Address under which people reach this service, as https://videochat.example.org; its host is accepted, "
        "and with https cookies are sent over nothing else.",
    )
    trusted_proxies: list[str] = Field(
        [], description="Addresses of reverse proxies whose X-Forwarded-For says from where a request comes."
    )
    cors_origins: list[str] = Field([], description="Origins of other pages that may call the API.")
    allowed_hosts: list[str] = Field(
        [], description="Host names accepted beside loopback names, for a reverse proxy on this machine."
    )
    middleware: list[str] = Field(
        [],
        description="Plugins that see each request once it is let in, and its answer: the first is the outermost.",
    )
    middleware_options: dict[str, dict[str, Any]] = Field(
        {},
        description='What is told to some of them, by name: {"shout": {"word": "hello"}}. Not for secrets: they are shown.',
    )
    max_upload_bytes: int = Field(
        20 * GIB, ge=1, description="Largest file that is accepted, in bytes.", json_schema_extra=RELOADABLE
    )


class DatabaseSettings(Section):
    url: str | None = Field(
        None, description="sqlite:///path or postgresql://user:password@host/name. Default: SQLite in DATA_DIR."
    )
    pool_size: int = Field(10, ge=1, description="Connections kept per process (PostgreSQL).")


class StorageSettings(Section):
    url: str | None = Field(
        None,
        description="Where blobs are kept: file:///folder, or s3://bucket/prefix?endpoint=…&region=… with videochat[s3] and "
        "keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Default: a folder in DATA_DIR.",
    )
    reserve_bytes: int = Field(
        256 * MIB,
        ge=0,
        description="Space on the disk of DATA_DIR that is left to the databases, in bytes: with less, uploads are refused "
        "and jobs wait.",
    )


class CacheSettings(Section):
    url: SecretStr | None = Field(
        None,
        description="redis://:password@host:6379/0 or rediss://…, for a Redis that processes share beside the memory of each. "
        "Default: memory alone.",
    )
    max_bytes: int = Field(
        64 * MIB, ge=0, description="Memory that one process uses for answers it may be asked for again, in bytes."
    )
    max_entries: int = Field(10_000, ge=0, description="Answers that one process keeps at most.")
    ttl_seconds: float = Field(
        600.0,
        gt=0,
        le=86400,
        description="Longest time that an answer is kept; it is forgotten earlier when it changes.",
    )


class MediaSettings(Section):
    max_duration_hours: float = Field(24.0, gt=0, description="Longest recording that is decoded, in hours.")
    max_decode_seconds: float = Field(
        3600.0, gt=0, description="Longest time that decoding one file may take, in seconds."
    )


class DownloadSettings(Section):
    """How recordings behind links are fetched."""

    max_file_size: int = Field(
        4 * GIB,
        ge=1,
        le=2**50,
        description="Largest recording that is fetched from a link, in bytes.",
        json_schema_extra=RELOADABLE,
    )
    max_concurrent_downloads: int = Field(2, ge=1, le=16, description="Recordings that one worker fetches at a time.")
    max_download_time: float = Field(
        3600.0,
        gt=0,
        description="Longest time that fetching one recording may take, in seconds.",
        json_schema_extra=RELOADABLE,
    )
    retries: int = Field(
        3, ge=0, le=20, description="How often a request that failed is sent again.", json_schema_extra=RELOADABLE
    )
    socket_timeout: float = Field(
        20.0, gt=0, le=600, description="Longest silence of a site, in seconds.", json_schema_extra=RELOADABLE
    )
    # Not reloadable: who may change settings over HTTP must not be able to open the network that this machine is in.
    allow_private: bool = Field(
        False, description="Whether links may lead to this machine and its own network, beside the public internet."
    )


class SttSettings(Section):
    engine: str = Field(
        "auto",
        description="Speech engine: auto, faster-whisper, pocketsphinx or a plugin's name. auto takes faster-whisper "
        "if its model is on disk or can be fetched, else the basic offline recogniser (pocketsphinx).",
        json_schema_extra=RELOADABLE,
    )
    model: str = Field(
        "small", description="Model name or folder of the engine (faster-whisper).", json_schema_extra=RELOADABLE
    )
    language: str | None = Field(
        None,
        description="Language code such as en or zh; unset: recognised by the engine.",
        json_schema_extra=RELOADABLE,
    )
    device: str = Field("auto", description="auto, cpu or cuda.")
    compute_type: str = Field("default", description="Number format of the model: default, int8, float16, …")
    beam_size: int = Field(5, ge=1, le=20, description="Beam width of the search.", json_schema_extra=RELOADABLE)
    vad_filter: bool = Field(True, description="Skip silence inside a window.", json_schema_extra=RELOADABLE)
    hotwords: str | None = Field(
        None, description="Words that the engine should expect, separated by spaces.", json_schema_extra=RELOADABLE
    )
    threads: int = Field(0, ge=0, description="Threads of one engine process; 0: cores divided by JOBS__CONCURRENCY.")
    idle_seconds: float = Field(
        60.0,
        ge=0,
        description="An engine process that nobody uses is ended after this time, which gives its memory back.",
    )
    fetch_seconds: float = Field(
        900.0, ge=0, description="Longest time to fetch a model; 0: never fetch.", json_schema_extra=RELOADABLE
    )


class AiSettings(Section):
    provider: str | None = Field(
        None,
        description="Answer provider: extractive, pydantic-ai or a plugin's name. Default: pydantic-ai with a key, else extractive.",
    )
    api_key: SecretStr | None = Field(
        None, description="Key of the language model's provider.", json_schema_extra=RELOADABLE
    )
    # Not reloadable: who may change settings over HTTP must not be able to have the key sent somewhere else.
    base_url: str | None = Field(None, description="Address of an OpenAI-compatible service, ending in /v1.")
    model: str = Field(
        "gpt-4.1-mini", description="Language model, as the provider names it.", json_schema_extra=RELOADABLE
    )
    timeout: float = Field(
        60.0, gt=0, description="Longest silence of the provider, in seconds.", json_schema_extra=RELOADABLE
    )
    max_retries: int = Field(
        2, ge=0, le=10, description="Retries of a request that may succeed later.", json_schema_extra=RELOADABLE
    )
    input_price: float | None = Field(
        None,
        ge=0,
        description="US dollars for a million tokens sent to the model. Default: as listed for well-known services, else unknown.",
        json_schema_extra=RELOADABLE,
    )
    output_price: float | None = Field(
        None, ge=0, description="US dollars for a million tokens that the model writes.", json_schema_extra=RELOADABLE
    )
    context_tokens: int = Field(
        8000,
        ge=500,
        description="Tokens of transcript that one question may send to the provider.",
        json_schema_extra=RELOADABLE,
    )

    # Not reloadable, as AI__PROVIDER and AI__BASE_URL are not; and with another model every vector is another one.
    embedder: str | None = Field(
        None,
        description="What finds passages by their meaning: openai or a plugin's name. Default: openai with AI__EMBEDDING_MODEL, "
        "else nothing.",
    )
    embedding_model: str | None = Field(
        None, description="Model that turns texts into vectors, as its service names it; unset: search by words alone."
    )
    embedding_base_url: str | None = Field(
        None, description="Address of the OpenAI-compatible service with that model. Default: AI__BASE_URL."
    )
    embedding_api_key: SecretStr | None = Field(
        None,
        description="Its key. Default: AI__API_KEY, unless AI__EMBEDDING_BASE_URL is another service's address.",
        json_schema_extra=RELOADABLE,
    )
    embedding_max_bytes: int = Field(
        256 * MIB,
        ge=MIB,
        description="Memory that one process uses for vectors, in bytes; recordings beyond that, the oldest ones, are found by "
        "words alone.",
    )


class JobSettings(Section):
    concurrency: int = Field(
        0,
        ge=0,
        le=64,
        description="Windows (engine processes) at a time in one worker; 0: as suits the cores and memory of the machine or "
        "container, 1 on a GPU.",
    )
    decode_concurrency: int = Field(1, ge=1, le=16, description="Recordings that one worker decodes at a time.")
    queues: list[Literal["fetch", "decode", "transcribe"]] = Field(
        ["fetch", "decode", "transcribe"], description="Queues that a worker takes tasks from."
    )
    step_seconds: float = Field(
        7200.0, gt=0, description="Longest time that decoding a recording or listening to one window may take."
    )
    drain_seconds: float = Field(
        10.0, ge=0, description="How long a stopping worker lets windows end; what is left goes to other workers."
    )
    memory_reserve_bytes: int = Field(
        512 * MIB,
        ge=0,
        description="Memory of the machine or container that is left free, in bytes: with less, windows wait.",
    )
    first_window_seconds: float = Field(
        30.0, ge=5, le=600, description="Target length of the first window: text appears after it."
    )
    window_seconds: float = Field(
        120.0,
        ge=10,
        le=600,
        description="Target length of later windows: who comes later waits that long for an engine.",
    )
    heartbeat_seconds: float = Field(1.0, gt=0, le=60, description="How often a worker says that it lives.")
    alive_file: Path | None = Field(
        None,
        description="File that a worker touches as often as its heart beats, also while the database is away: when it gets "
        "old, the worker hangs. Each worker needs one of its own; unset: none.",
    )
    poll_seconds: float = Field(
        1.0, gt=0, le=5, description="How often queues and leases are looked at when nothing new is heard."
    )


class RetentionSettings(Section):
    media_days: float | None = Field(
        None, gt=0, description="Days after which a recording is deleted with all that was made from it; unset: never."
    )
    derived_days: float = Field(
        30.0,
        gt=0,
        description="Days after a recording's last job for which what was made from it stays although its transcript does not "
        "need it: windows of other lengths, texts of other parameters or engines. Asking for the same again costs nothing so long.",
    )
    audit_days: float = Field(365.0, gt=0, description="Days for which it is kept who did what.")
    event_days: float = Field(
        7.0, gt=0, description="Days for which a client that was away can ask for every event it missed."
    )


class AuthSettings(Section):
    mode: Literal["none", "keys", "users", "oidc"] = Field(
        "none",
        description="Who may come in. none: everybody who reaches a loopback address; keys: programs with an API key; "
        "users: people with an account too; oidc: people whom an identity provider vouches for.",
    )
    session_days: float = Field(14.0, gt=0, le=366, description="Days without a visit after which a session ends.")
    link_days: float = Field(
        30.0,
        gt=0,
        description="Longest time that a link to a recording is good, in days.",
        json_schema_extra=RELOADABLE,
    )
    oidc_issuer: str | None = Field(None, description="Address of the identity provider, as its tokens name it.")
    oidc_client_id: str | None = Field(None, description="This service's name at the identity provider.")
    oidc_client_secret: SecretStr | None = Field(None, description="This service's secret at the identity provider.")
    oidc_admins: list[str] = Field([], description="E-mail addresses (verified by the provider) that administer.")
    oidc_role: Literal["member", "viewer"] = Field("member", description="Role of everybody else who comes first.")


RATE = r"^[1-9][0-9]{0,6}/(second|minute|hour)$"


class LimitSettings(Section):
    """How often and how much, for each account, key or address; only where AUTH__MODE is not none."""

    read: str = Field("1200/minute", pattern=RATE, description="Reading requests.", json_schema_extra=RELOADABLE)
    write: str = Field("300/minute", pattern=RATE, description="Changing requests.", json_schema_extra=RELOADABLE)
    ask: str = Field("30/minute", pattern=RATE, description="Questions.", json_schema_extra=RELOADABLE)
    upload: str = Field("120/hour", pattern=RATE, description="Uploads.", json_schema_extra=RELOADABLE)
    enter: str = Field(
        "60/minute", pattern=RATE, description="Attempts to sign in, from one address.", json_schema_extra=RELOADABLE
    )
    streams: int = Field(
        20,
        ge=1,
        description="Open streams of events, and calls of assistants, at a time.",
        json_schema_extra=RELOADABLE,
    )
    uploads: int = Field(4, ge=1, description="Uploads at a time.", json_schema_extra=RELOADABLE)
    storage_bytes: int | None = Field(
        None, ge=0, description="What recordings may take, in bytes; unset: no limit.", json_schema_extra=RELOADABLE
    )
    audio_minutes: float | None = Field(
        None, ge=0, description="Minutes transcribed in a month; unset: no limit.", json_schema_extra=RELOADABLE
    )
    tokens: int | None = Field(
        None,
        ge=0,
        description="Tokens of the language model in a month; unset: no limit.",
        json_schema_extra=RELOADABLE,
    )


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important level that is logged.", json_schema_extra=RELOADABLE
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON lines."
    )
    files: bool = Field(True, description="Web processes and workers write JSON lines into DATA_DIR/logs too.")
    max_bytes: int = Field(256 * MIB, ge=MIB, description="About what all files in DATA_DIR/logs may hold, in bytes.")
    keep_days: float = Field(14.0, gt=0, description="Days after which a file in DATA_DIR/logs is removed.")


class AlertSettings(Section):
    rules: Path | None = Field(
        None,
        description="TOML file of rules beside the default ones; read anew when it changes.",
        json_schema_extra=RELOADABLE,
    )
    # Not reloadable: who may change settings over HTTP must not be able to have messages sent anywhere.
    notify_urls: list[SecretStr] = Field(
        [],
        description="Who is told of alerts: apprise's addresses, such as mailto://… or slack://…, as a JSON list; tags of a "
        "destination stand in front, as in ops,night=slack://…",
    )
    notify_cool_down_minutes: float = Field(
        10.0,
        ge=0,
        le=1440,
        description="For how long after a message about an alert nobody is told that it fires again.",
        json_schema_extra=RELOADABLE,
    )


class MetricsSettings(Section):
    token: SecretStr | None = Field(None, description="Bearer token that /metrics asks for; unset: none is asked for.")


class TracesSettings(Section):
    endpoint: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Collector of traces (OTLP over HTTP), such as http://127.0.0.1:4318, with videochat[otel]; unset: nobody traces.",
    )
    headers: SecretStr | None = Field(
        None, description="Headers that the collector asks for: name=value,name=value, such as Authorization=Bearer …"
    )
    sample_ratio: float = Field(1.0, ge=0, le=1, description="Share of the traces that are sent.")

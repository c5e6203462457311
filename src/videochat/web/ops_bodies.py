"""What goes in and out over HTTP for those who look after the service."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from videochat.web.bodies import Body


class SettingOut(Body):
    name: str
    value: Any = Field(description="What is in force here; of a secret always null.")
    is_set: bool = Field(description="Whether a secret has a value; of others whether it is not null.")
    source: Literal["default", "configured", "changed"] = Field(
        description="Nobody set it, a source does (file, environment, command line), or it was changed over this API."
    )
    reloadable: bool = Field(description="Whether it can change while the service runs.")
    secret: bool
    description: str
    form: dict[str, Any] = Field(description="JSON schema of its values.")
    changed_at: str | None
    changed_by: str | None


class RefusedOut(Body):
    name: str | None = Field(description="Which changed setting; null: what the sources say, all of it.")
    message: str = Field(description="What is wrong with it.")


class SettingsOut(Body):
    items: list[SettingOut]
    waiting: list[str] = Field(description="What was changed in its source and waits for a restart of this process.")
    refused: list[RefusedOut] = Field(
        description="What is not valid, so that this process keeps what was in force before."
    )


class SettingIn(Body):
    value: Any


class MomentOut(Body):
    at: int = Field(description="The end of the span that the rates are of; Unix time in seconds.")
    requests_per_second: float
    errors_per_second: float = Field(description="Answers of status 500 and above.")
    latency_p50: float | None = Field(description="Seconds within which half of the requests were answered.")
    latency_p95: float | None
    provider_requests_per_second: float = Field(description="Answers that were asked of the provider.")
    provider_errors_per_second: float
    provider_p50: float | None = Field(description="Seconds within which half of them were written.")
    provider_p95: float | None
    upload_bytes_per_second: float
    audio_seconds_per_second: float = Field(description="Audio transcribed, by all workers together.")
    windows_per_second: float
    cache_hits: dict[str, float] = Field(
        description="Answers that were found ready since the moment before, by level: memory, redis."
    )
    cache_lookups: float = Field(description="Answers that were looked for since the moment before.")
    cache_hit_rate: float | None = Field(description="The share that was found, 0 to 1; null when none was looked for.")
    jobs: dict[str, float] = Field(description="Jobs that ended since the moment before, by status.")
    answers: dict[str, float]
    tokens: dict[str, float]
    streams: float
    uploads: float = Field(description="Uploads that are being received.")
    waiting: int = Field(description="Tasks in the queues.")
    running: int
    workers: int
    cost_usd: float = Field(description="What answers cost since the moment before, as far as prices are known.")
    machines: dict[str, dict[str, float]] = Field(
        description="Of each machine the shares in use, 0 to 1; memory: of what a container may use, where it has a limit."
    )
    network: dict[str, dict[str, float]] = Field(description="Of each machine the bytes per second received and sent.")


class SummaryOut(Body):
    moments: list[MomentOut]


class ProcessOut(Body):
    process: str = Field(description="Role, machine and process id.")
    started_at: str
    at: str = Field(description="When it reported last.")
    memory_bytes: float
    cpu_seconds: float
    handles: float
    tasks: float


class ResourcesOut(Body):
    processes: list[ProcessOut]
    machines: dict[str, dict[str, float]] = Field(
        description="Of each machine the shares in use, 0 to 1; memory: of what a container may use, where it has a limit."
    )
    network_bytes_per_second: dict[str, dict[str, float]] = Field(
        description="What each machine has received and sent lately, but to itself."
    )
    disk_free_bytes: dict[str, float] = Field(
        description="What may still be written on each machine's disk of DATA_DIR."
    )


class LeaseOut(Body):
    job_id: str
    media_id: str
    kind: str = Field(description="decode, window or finish.")
    n: int = Field(description="Of a window its number.")
    tries: int = Field(description="How often it was begun.")


class WorkerOut(Body):
    id: str
    host: str
    pid: int
    beat_at: str = Field(description="When it last said that it lives.")
    alive: bool = Field(description="False: its work is about to be given to others.")
    leases: list[LeaseOut] = Field(description="What it works on.")


class AlertOut(Body):
    name: str
    severity: Literal["info", "warning", "critical"]
    message: str
    expression: str
    notify: list[str] | None = Field(description="Tags of the destinations that are told; null: all.")
    status: Literal["ok", "pending", "firing"]
    since: str | None = Field(description="Since when it is so; null before it was judged for the first time.")
    value: float | None = Field(
        description="What the left side of the expression was last; null when nothing could be said."
    )
    silenced_until: str | None
    acknowledged_by: str | None


class AlertEventOut(Body):
    rule: str
    at: str
    event: str = Field(
        description="firing, resolved, silenced or acknowledged; or what became of a message about it: sending_firing, "
        "told_firing, untold_firing, and the same with resolved."
    )
    value: float | None
    by: str | None = Field(description="Who did it; of a message its destination.")


class AlertsOut(Body):
    items: list[AlertOut]
    destinations: list[str] = Field(description="Who is told of alerts: kind and place in ALERTS__NOTIFY_URLS.")
    history: list[AlertEventOut] = Field(description="What happened last, newest first.")


class NotificationOut(Body):
    destination: str = Field(description="Kind and place in ALERTS__NOTIFY_URLS; addresses are secret.")
    tags: list[str]
    sent: bool
    reason: str | None = Field(description="Why it was not sent.")


class NotificationsOut(Body):
    items: list[NotificationOut]


class SilenceIn(Body):
    minutes: float = Field(gt=0, le=43200, description="For how long nobody is told.")


class LogsOut(Body):
    items: list[dict[str, Any]] = Field(
        description="Log lines, newest first, each with the process that wrote it; `timestamp`, `level` and `event` are "
        "there, `request_id`, `job` and `media` where they apply."
    )
    before: str | None = Field(description="Pass it as `before` for older lines; null when there are none.")
    complete: bool = Field(
        description="False when the search was given up because it had read so much; it can go on with `before`."
    )

"""The shapes of the API's JSON, as OpenAPI shows them."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ListOut(Body, Generic[Item]):
    items: list[Item]
    next: str | None = Field(description="Cursor to ask on with, null at the end.")


class ErrorOut(Body):
    code: str
    message: str


class ProblemOut(Body):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="What went wrong, for programs.")
    request_id: str | None


class JobOut(Body):
    id: str
    kind: str
    media_id: str
    status: Literal["queued", "running", "paused", "completed", "failed", "cancelled"]
    progress: float = Field(description="Share of the recording that has been listened to, 0 to 1.")
    step: str
    rate: float | None = Field(description="Seconds of the recording listened to in one second.")
    remaining_seconds: float | None = Field(description="How long it will take at this rate.")
    priority: Literal["urgent", "high", "normal", "low"]
    attempts: int
    error: ErrorOut | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobChange(Body):
    priority: Literal["urgent", "high", "normal", "low"]


class JobActionIn(Body):
    action: Literal["cancel", "pause", "resume", "retry"]
    jobs: list[str] = Field(min_length=1, max_length=500, description="Ids of the jobs.")


class JobOutcomeOut(Body):
    id: str
    job: JobOut | None = Field(description="The job as it is now; null when nothing was done.")
    error: ErrorOut | None = Field(description="Why nothing was done.")


class MediaOut(Body):
    id: str
    name: str
    kind: Literal["video", "audio"]
    mime: str
    size: int
    sha256: str
    duration: float | None = Field(description="Seconds.")
    status: Literal["stored", "processing", "ready", "failed"]
    created_at: str
    mine: bool = Field(description="False for what somebody else lets one read.")
    job: JobOut | None = Field(description="The newest job.")


class MediaChange(Body):
    name: str = Field(min_length=1, max_length=200)


class TranscriptionIn(Body):
    engine: str | None = None
    model: str | None = None
    language: str | None = None
    beam_size: int | None = None
    vad_filter: bool | None = None
    hotwords: str | None = None
    priority: Literal["urgent", "high", "normal", "low"] = "normal"


class WordOut(Body):
    start: float
    end: float
    text: str
    confidence: float | None


class SegmentOut(Body):
    n: int
    start: float
    end: float
    text: str
    speaker: str | None
    confidence: float | None
    words: list[WordOut] | None = None


class FindingOut(Body):
    kind: Literal["repeat", "impossible_time", "low_confidence", "silence_gap"]
    n: int = Field(description="The segment that it is about.")
    message: str


class HealthOut(Body):
    findings: list[FindingOut]


class TranscriptOut(Body):
    segments: list[SegmentOut]
    next: str | None
    status: Literal["none", "partial", "complete", "failed"]
    engine: str | None
    model: str | None
    language: str | None
    basic: bool = Field(description="Made by the basic offline recogniser: do not trust its words blindly.")
    health: HealthOut | None = Field(description="What looks wrong in a complete transcript.")


class HitOut(Body):
    media: str
    name: str
    start: float
    end: float
    text: str = Field(description="HTML-escaped, with <mark> around what matched.")
    score: float
    segments: list[int]


class QuestionIn(Body):
    question: str = Field(min_length=1, max_length=4000)
    media: list[str] | None = Field(None, max_length=100, description="Which recordings to ask; null: all of them.")
    conversation: str | None = None


class CitationOut(Body):
    n: int
    media_id: str
    name: str
    start: float
    end: float
    quote: str = Field(description="What was said, in the transcript's own words.")
    segments: list[int]
    check: Literal["verified", "approximate"]


class CoverageOut(Body):
    media: int
    duration: float | None = Field(description="Seconds of all recordings asked.")
    transcribed: float = Field(description="Seconds of them that could be read.")
    complete: bool
    passages: int = Field(description="Passages that the provider was given.")
    uncited: int = Field(description="Sentences that no quote supports.")


class UsageOut(Body):
    input_tokens: int | None = None
    output_tokens: int | None = None


class AnswerOut(Body):
    id: str
    conversation: str
    question: str
    media: list[str] | None
    status: Literal["running", "completed", "failed", "cancelled"]
    text: str = Field(description="[1], [2] … refer to the citations.")
    citations: list[CitationOut]
    coverage: CoverageOut | None
    provider: str
    model: str | None
    usage: UsageOut | None
    error: ErrorOut | None
    created_at: str
    finished_at: str | None


class ConversationOut(Body):
    id: str
    title: str
    created_at: str


class ConversationWithAnswersOut(ConversationOut):
    answers: list[AnswerOut]


class WaveformOut(Body):
    peaks: list[float]
    duration: float


class EngineOut(Body):
    name: str
    model: str
    language: str | None
    basic: bool
    hint: str | None = Field(description="What a person should know about it, in English.")
    hint_code: Literal["basic", "model_missing", "unusable"] | None = Field(
        description="The same for programs: the basic recogniser, a model that is still to be fetched, or none at all."
    )
    better: dict[str, str] | None = Field(description="Settings that get a better engine than the basic recogniser.")


class ProviderOut(Body):
    name: str
    model: str | None


class LimitsOut(Body):
    max_upload_bytes: int


class SystemOut(Body):
    version: str
    engine: EngineOut
    provider: ProviderOut
    limits: LimitsOut
    formats: list[str]


class HealthReport(Body):
    status: Literal["ok", "degraded", "unavailable"] = Field(
        description="degraded: requests are served, and something that some of them need does not work."
    )
    components: dict[str, Any]


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


class SettingsOut(Body):
    items: list[SettingOut]
    waiting: list[str] = Field(description="What was changed in its source and waits for a restart of this process.")


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
    machines: dict[str, dict[str, float]] = Field(description="Of each machine the shares in use, 0 to 1.")


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
    machines: dict[str, dict[str, float]] = Field(description="Of each machine the shares in use, 0 to 1.")
    disk_free_bytes: dict[str, float] = Field(
        description="What may still be written on each machine's disk of DATA_DIR."
    )


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

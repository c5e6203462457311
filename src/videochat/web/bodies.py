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
    link: str | None = Field(description="Where the recording is fetched from first; told to its owner alone.")
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
    kind: Literal["video", "audio", "unknown"]
    mime: str
    size: int
    sha256: str | None = Field(description="Hash of the content; null while that is being fetched from a link.")
    duration: float | None = Field(description="Seconds.")
    status: Literal["expected", "stored", "processing", "ready", "failed"]
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


class ImportIn(TranscriptionIn):
    url: str = Field(max_length=2048, description="Link to a recording, or to a page with one: http or https.")


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
    cost_usd: float | None = Field(None, description="Absent where nobody knows what a token costs.")


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


class EmbedderOut(Body):
    name: str
    model: str
    passages: int
    embedded: int = Field(description="Passages that can be found by their meaning by now.")


class SystemOut(Body):
    version: str
    engine: EngineOut
    provider: ProviderOut
    limits: LimitsOut
    formats: list[str]
    embedder: EmbedderOut | None = Field(None, description="What finds passages by their meaning, if anything does.")


class HealthReport(Body):
    status: Literal["ok", "degraded", "unavailable"] = Field(
        description="degraded: requests are served, and something that some of them need does not work."
    )
    components: dict[str, Any]

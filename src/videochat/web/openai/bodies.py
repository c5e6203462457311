"""The shapes of OpenAI's API, as far as there is something behind them here. What is not named is ignored."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from videochat.web.bodies import Body, CitationOut, CoverageOut

MOST_MESSAGES = 1000
MOST_CHARACTERS = 100_000  # of one message


class Lenient(BaseModel):
    """What clients send may hold more than is understood here."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class OpenAIErrorDetail(Body):
    message: str
    type: str
    param: str | None = Field(description="What of the request is wrong.")
    code: str | None = Field(description="What went wrong, for programs.")


class OpenAIErrorOut(Body):
    error: OpenAIErrorDetail


class ModelOut(Body):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "videochat"


class ModelListOut(Body):
    object: Literal["list"] = "list"
    data: list[ModelOut]


class DurationOut(Body):
    type: Literal["duration"]
    seconds: float


class TranscriptionOut(Body):
    text: str
    usage: DurationOut


class TimedWordOut(Body):
    word: str
    start: float
    end: float


class TimedSegmentOut(Body):
    """What no engine here tells is null."""

    id: int
    seek: None
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: None
    avg_logprob: float | None
    compression_ratio: float | None
    no_speech_prob: None
    speaker: str | None


class VerboseTranscriptionOut(Body):
    task: Literal["transcribe"]
    language: str | None
    duration: float
    text: str
    words: list[TimedWordOut] = Field([], description="There when `word` is among the granularities.")
    segments: list[TimedSegmentOut] = Field([], description="There unless only `word` is.")
    usage: DurationOut


class TranscriptionForm(Lenient):
    """The fields of a transcription beside its file. `temperature` and the rest of OpenAI's are ignored."""

    model: str
    language: str | None = Field(None, max_length=20)
    prompt: str | None = Field(None, max_length=2000)
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    timestamp_granularities: list[Literal["segment", "word"]] = Field(default_factory=list)
    stream: bool = False

    @field_validator("stream")
    @classmethod
    def _as_text(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("response_format") not in {"json", "text"}:
            raise ValueError("then the text comes as events, and response_format can only be json or text")
        return value


class TextPart(Lenient):
    type: Literal["text"]
    text: str = Field(max_length=MOST_CHARACTERS)


class ChatMessageIn(Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = Field(None, max_length=MOST_CHARACTERS)

    @field_validator("content", mode="before")
    @classmethod
    def _only_text(cls, value: object) -> object:
        if isinstance(value, list) and any(isinstance(part, dict) and part.get("type") != "text" for part in value):
            raise ValueError("only parts of the type text are understood here")
        return value

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(Lenient):
    include_usage: bool = False


class TextFormat(Lenient):
    type: Literal["text"]


class ChatIn(Lenient):
    model: str = Field(description="`library`, or `media:` and the id of a recording.")
    messages: list[ChatMessageIn] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: TextFormat | None = None


class UrlCitation(Body):
    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(Body):
    type: Literal["url_citation"]
    url_citation: UrlCitation


class ChatMessageOut(Body):
    role: Literal["assistant"]
    content: str = Field(description="[1], [2] … refer to the citations; a list of them is at the end.")
    refusal: None = None
    annotations: list[Annotation] = Field(description="Where the numbers stand, and the page at that moment.")
    citations: list[CitationOut]


class ChoiceOut(Body):
    index: Literal[0]
    message: ChatMessageOut
    logprobs: None = None
    finish_reason: Literal["stop"]


class ChatUsageOut(Body):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatOut(Body):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: ChatUsageOut
    coverage: CoverageOut


Json = dict[str, Any]

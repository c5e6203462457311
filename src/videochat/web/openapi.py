"""The API's description of itself, put right where FastAPI would describe something else than we send."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from videochat.web.problems import OPENAI

PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
BINARY = {"schema": {"type": "string", "format": "binary"}}

# The body of an upload is read as a stream, which no annotation can say.
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The recording itself, or a form with the part `file`.",
        "content": {
            "application/octet-stream": BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}
TRANSCRIPTION_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {"type": "string"},
                        "language": {"type": "string"},
                        "prompt": {"type": "string"},
                        "response_format": {"type": "string", "enum": ["json", "text", "srt", "vtt", "verbose_json"]},
                        "timestamp_granularities[]": {
                            "type": "array",
                            "items": {"type": "string", "enum": ["segment", "word"]},
                        },
                        "stream": {"type": "boolean"},
                    },
                    "required": ["file", "model"],
                }
            }
        },
    }
}
TEXT = {"schema": {"type": "string"}}
TRANSCRIPTION_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The transcript in the format that was asked for; as verbose JSON also with times.",
        "content": dict.fromkeys(("text/plain", "application/x-subrip", "text/vtt", "text/event-stream"), TEXT),
    }
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The answer, or with `stream` its events.", "content": {"text/event-stream": TEXT}}
}
CONTENT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole recording.", "content": {"*/*": BINARY}},
    206: {"description": "The bytes of the `Range` header.", "content": {"*/*": BINARY}},
    304: {"description": "The client has this content (If-None-Match)."},
    416: {"description": "The recording has no such bytes."},
}


def text_response(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """Describe a success that is text of this kind."""
    return {200: {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}}


def install(api: FastAPI) -> None:
    """Let the API describe its errors as it sends them."""

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = get_openapi(title=api.title, version=api.version, summary=api.summary, routes=api.routes)
            _describe_errors(schema)
            _describe_validators(schema)
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend the description


def _describe_errors(schema: dict[str, Any]) -> None:
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            responses = operation["responses"]
            if not path.startswith(OPENAI):
                responses["default"]["content"] = {"application/problem+json": PROBLEM}
            responses.pop("422", None)  # one of the errors like the others, and a problem like them
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _describe_validators(schema: dict[str, Any]) -> None:
    """All JSON that is read has an ETag, which a client may send back."""
    for methods in schema["paths"].values():
        responses = methods.get("get", {}).get("responses", {})
        if "application/json" in responses.get("200", {}).get("content", {}):
            responses["304"] = {"description": "The client has this already (If-None-Match)."}

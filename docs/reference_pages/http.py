"""docs/reference/http.md: every route of the API, from its OpenAPI description."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from reference_pages import openapi
from reference_pages.markdown import code, prose, table
from reference_pages.schema import Schema, default, kind, kind_if_set, referred
from videochat import errors
from videochat.web.problems import status_of

HEAD = """# HTTP API

JSON in, JSON out; times are seconds from the start of the recording; what stands in braces is an id. A list comes as
`{"items": […], "next": …}`, up to `limit` items at a time: ask on with `?cursor=` and what `next` says until that is
null. Event streams are server-sent events with ids: after a break a client sends the last one as `Last-Event-ID` and
misses nothing. The same for machines is [openapi.json](openapi.json), which the service gives at `/openapi.json`. This
page is generated: `make docs`.
"""
ERRORS = """## Errors

Every error is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) in the shape of
[ProblemOut](#problemout) – under `/v1` it is JSON in the shape of [OpenAIErrorOut](#openaierrorout) – and where trying again
may help there is a `Retry-After`. `code` is one of these or a finer one, such as `media_no_audio`; a job or an answer that
failed has the same codes in its `error`.
"""
LIST = "ListOut_"  # how FastAPI names the schemas of lists, which the page explains once for all


def page() -> str:
    document = openapi.document()
    return "\n".join([HEAD, *_groups(document), ERRORS, _errors(), *_shapes(document)])


def _groups(document: openapi.Document) -> Iterator[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name, operation in openapi.operations(document).items():
        groups[operation["tags"][0]].append(_operation(name, operation, document))
    for tag, sections in groups.items():
        yield f"## {tag[0].upper()}{tag[1:]}\n"
        yield from sections


def _operation(name: str, operation: Schema, document: openapi.Document) -> str:
    parts = [f"### {name}", prose(operation.get("description", ""))]
    if rows := [_parameter(one) for one in operation.get("parameters", []) if one["in"] != "path"]:
        parts.append(table(("parameter", "in", "values", "default", "meaning"), rows))
    if body := operation.get("requestBody"):
        parts.append(f"Body: {_content(body, document)}.")
    answers = [f"{code(status)} {_content(answer, document)}".strip() for status, answer in _successes(operation)]
    return "\n\n".join([*parts, f"Answer: {', '.join(answers)}."]) + "\n"


def _parameter(parameter: Schema) -> tuple[str, ...]:
    schema = parameter["schema"]
    given = "required" if parameter["required"] else default(schema)
    meaning = prose(parameter.get("description", ""))
    return code(parameter["name"]), parameter["in"], kind_if_set(schema), given, meaning


def _successes(operation: Schema) -> list[tuple[str, Schema]]:
    return [(status, answer) for status, answer in operation["responses"].items() if status != "default"]


def _content(message: Schema, document: openapi.Document) -> str:
    """Say what a body holds; nothing where there is none or only bytes."""
    content = message.get("content", {})
    bodies = [
        "a stream of events" if media_type == "text/event-stream" else _body(part["schema"], document)
        for media_type, part in content.items()
    ]
    return " or ".join(dict.fromkeys(bodies))


def _body(schema: Schema, document: openapi.Document) -> str:
    if "$ref" in schema and referred(schema).startswith(LIST):
        return kind(openapi.schemas(document)[referred(schema)]["properties"]["items"])
    return kind(schema)


def _errors() -> str:
    known = [found for found in vars(errors).values() if isinstance(found, type)]
    raised = [error() for error in known if issubclass(error, errors.VideoChatError)]
    rows = sorted((code(error.code), str(status_of(error)), prose(error.message)) for error in raised)
    return table(("code", "status", "meaning"), rows) + "\n"


def _shapes(document: openapi.Document) -> Iterator[str]:
    yield "## Shapes\n"
    for name, schema in sorted(openapi.schemas(document).items()):
        if not name.startswith(LIST):
            yield _shape(name, schema)


def _shape(name: str, schema: Schema) -> str:
    parts = [f"### {name}"]
    if "description" in schema:
        parts.append(prose(schema["description"]))
    required = schema.get("required", [])
    rows = [_field(name, field, required=name in required) for name, field in schema["properties"].items()]
    return "\n\n".join([*parts, table(("field", "values", "meaning"), rows)]) + "\n"


def _field(name: str, schema: Schema, *, required: bool) -> tuple[str, ...]:
    return code(name), kind(schema) + ("" if required else ", optional"), prose(schema.get("description", ""))

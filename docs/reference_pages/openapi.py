"""docs/reference/openapi.json: the API as it was agreed on, and how another state of it differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

from videochat.app import App
from videochat.ops.metrics import Metrics
from videochat.ops.tracing import NoTracer
from videochat.sections import CacheSettings, ServerSettings
from videochat.web.server import create_api

# A release changes the version and nothing that a client relies on, so it must not make the snapshot stale.
ANY_VERSION = "any"

Document = dict[str, Any]


def document() -> Document:
    """Return the OpenAPI description of the running code."""
    # Routes are declared without touching any service: what the edge reads is App enough, and no database is needed.
    app = SimpleNamespace(
        settings=SimpleNamespace(server=ServerSettings(), cache=CacheSettings()), metrics=Metrics(), tracer=NoTracer()
    )
    found = create_api(cast("App", app)).openapi()
    return {**found, "info": {**found["info"], "version": ANY_VERSION}}


def page() -> str:
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def operations(document: Document) -> dict[str, Any]:
    """Return what can be asked, by names such as `GET /api/media`."""
    paths = document["paths"].items()
    return {f"{method.upper()} {path}": operation for path, methods in paths for method, operation in methods.items()}


def schemas(document: Document) -> dict[str, Any]:
    """Return the bodies' schemas by name."""
    return dict(document["components"]["schemas"])


def changes(before: Document, after: Document) -> list[str]:
    """Name what was added (+), removed (-) or changed (~): operations, then schemas, then anything else."""
    return [
        *_differences(operations(before), operations(after)),
        *_differences(schemas(before), schemas(after), "schema "),
        *_differences(_rest(before), _rest(after)),
    ]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], what: str = "") -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"+ {what}{name}"
        elif name not in after:
            yield f"- {what}{name}"
        elif before[name] != after[name]:
            yield f"~ {what}{name}"


def _rest(document: Document) -> dict[str, Any]:
    components = {f"components.{name}": part for name, part in document["components"].items() if name != "schemas"}
    return components | {name: part for name, part in document.items() if name not in {"paths", "components"}}

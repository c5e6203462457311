"""JSON Schema in words, for settings and for the bodies of the API alike."""

from __future__ import annotations

import json
from typing import Any

from reference_pages.markdown import anchor, code

Schema = dict[str, Any]

FORMATS = {"password": "secret", "path": "path"}
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "length at least {}",
    "maxLength": "length at most {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "pattern": "`{}`",
}


def kind(schema: Schema) -> str:
    """Say which values fit; another schema that is referred to stands under its name on the same page."""
    if "$ref" in schema:
        name = referred(schema)
        return f"[{name}](#{anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(map(kind, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    if "const" in schema:
        return code(schema["const"])
    if "items" in schema:
        return f"list of {kind(schema['items'])}{_bounds(schema)}"
    return f"{FORMATS.get(schema.get('format', ''), schema.get('type', 'anything'))}{_bounds(schema)}"


def kind_if_set(schema: Schema) -> str:
    """Say which values fit; that there may be none is said by the default."""
    return kind({"anyOf": [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]})


def default(schema: Schema) -> str:
    """Return the default as one writes it, `unset` where there is none."""
    value = schema.get("default")
    if value is None or value == "":
        return "unset"
    return code(value if isinstance(value, str) else json.dumps(value))


def referred(schema: Schema) -> str:
    """Return the name of the schema that this one stands for."""
    return str(schema["$ref"].rpartition("/")[2])


def _bounds(schema: Schema) -> str:
    found = [words.format(schema[key]) for key, words in BOUNDS.items() if key in schema]
    return f" ({', '.join(found)})" if found else ""

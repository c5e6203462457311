"""docs/reference/settings.md: every setting, from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pages.markdown import code, prose, table
from reference_pages.schema import Schema, default, kind_if_set, referred
from videochat.settings import Settings

HEAD = """# Settings

From the command line, the environment, `.env`, files in the folder `SECRETS_DIR` or `videochat.toml`, strongest first. Names
are those of the environment, and so are those of the files in `SECRETS_DIR` (`/run/secrets/AI__API_KEY`);
in `videochat.toml` what stands before `__` is a table: `STT__ENGINE` is `engine` under `[stt]`. `videochat config show`
prints what is in force, `videochat config check` what is wrong with it, and `videochat config template` a `videochat.toml`
to begin with.

What is marked with ↻ can change while the service runs: in its file, which is looked at every second (or at once on
SIGHUP), or with `PUT /api/ops/settings/NAME`, which wins over all of them until it is reset with `DELETE`. Every process of a
cluster has the change within two seconds. What is invalid is refused as a whole, logged, and counted in
`videochat_settings_reloads_total`; in staging and production so is what a process would not start with. Everything else needs
a restart. `GET /api/ops/settings` and the dashboard say what was refused and what waits for a restart.

This page is generated: `make docs`.

"""


def page() -> str:
    document = Settings.model_json_schema()
    return f"{HEAD}{table(('name', 'values', 'default', 'meaning'), _rows(document, document))}\n"


def _rows(section: Schema, document: Schema, prefix: str = "") -> Iterator[tuple[str, ...]]:
    for field, schema in section["properties"].items():
        name = f"{prefix}{field.upper()}"
        if "$ref" in schema:
            yield from _rows(document["$defs"][referred(schema)], document, f"{name}__")
        else:
            mark = "↻ " if schema.get("reloadable") else ""
            yield code(name), kind_if_set(schema), default(schema), f"{mark}{prose(schema.get('description', ''))}"

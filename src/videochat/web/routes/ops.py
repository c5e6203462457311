"""For those who look after the service: its settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from videochat.app import App
from videochat.ops.live import SETTINGS, Setting
from videochat.settings import SECTIONS, Settings
from videochat.store.overrides import Override
from videochat.web.bodies import SettingIn, SettingOut, SettingsOut
from videochat.web.dependencies import TheActor, TheApp

router = APIRouter(tags=["ops"], prefix="/api/ops")

DEFAULTS = Settings.model_construct()


@router.get("/settings", response_model=SettingsOut)
async def list_settings(app: TheApp) -> dict[str, object]:
    """Return every setting: its value, where it comes from, and whether it can change while the service runs."""
    changed = {override.name: override for override in await app.keeper.overrides()}
    items = [_described(app, setting, changed.get(name)) for name, setting in SETTINGS.items()]
    return {"items": items, "waiting": app.live.waiting}


@router.put("/settings/{name}", response_model=SettingOut)
async def change_setting(app: TheApp, actor: TheActor, name: str, wanted: SettingIn) -> dict[str, object]:
    """Change a setting in all processes at once; it stays changed until it is reset."""
    await app.keeper.change(actor, name, wanted.value)
    return await _described_now(app, name)


@router.delete("/settings/{name}", response_model=SettingOut)
async def reset_setting(app: TheApp, actor: TheActor, name: str) -> dict[str, object]:
    """Let a setting be again what its source says."""
    await app.keeper.reset(actor, name)
    return await _described_now(app, name)


async def _described_now(app: App, name: str) -> dict[str, object]:
    changed = {override.name: override for override in await app.keeper.overrides()}
    return _described(app, SETTINGS[name], changed.get(name))


def _described(app: App, setting: Setting, changed: Override | None) -> dict[str, object]:
    value = setting.of(app.settings)
    configured = setting.of(app.keeper.configured) != setting.of(DEFAULTS)
    return {
        "name": setting.name,
        "value": None if setting.secret else value,
        "is_set": value is not None,
        "source": "changed" if changed else "configured" if configured else "default",
        "reloadable": setting.reloadable,
        "secret": setting.secret,
        "description": setting.info.description or "",
        "form": _form(setting),
        "changed_at": changed and changed.changed_at.isoformat(),
        "changed_by": changed and changed.changed_by,
    }


def _form(setting: Setting) -> dict[str, Any]:
    schema: dict[str, Any] = SECTIONS[setting.section].model_json_schema()["properties"][setting.field]
    return {name: value for name, value in schema.items() if name not in {"description", "title", "reloadable"}}

"""`videochat users` and `videochat keys`: who may come in. Whoever can run this may do everything."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

from videochat.access.user import Key, User
from videochat.app import App, open_app
from videochat.cli.terminal import quiet_settings, run
from videochat.errors import InvalidError
from videochat.jobs.erasure import erase
from videochat.ops.actor import LOCAL, PERMISSIONS, Actor, Permission

users = typer.Typer(no_args_is_help=True, help="Accounts: add, list, change, password, remove.")
keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")

Result = TypeVar("Result")
Role = Literal["admin", "member", "viewer"]
Name = Annotated[str, typer.Argument(help="Name of the account.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")]


@users.command("add")
def add_user(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do: admin, member or viewer.")] = "member",
    password_stdin: FromStdin = False,
) -> None:
    """Make an account; the first one administers, and the recordings that are there already are its own."""
    password = _password(from_stdin=password_stdin)

    async def add(app: App) -> User:
        user = await app.access.add_user(name, role, password)
        await app.audit.note("cli", "users add", user.id, "ok")
        return user

    user = _with_app(add)
    typer.echo(f"{user.name} is {_article(user.role)} now.")
    if user.role != role:
        typer.echo("The first account administers, and has the recordings that were there before.")


@users.command("list")
def list_users(as_json: AsJson = False) -> None:
    """Print the accounts."""

    async def every(app: App) -> list[User]:
        found: list[User] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await app.access.users(cursor)
            found, cursor = [*found, *page.items], page.next
        return found

    for user in _with_app(every):
        if as_json:
            described = {"id": user.id, "name": user.name, "role": user.role, "disabled": user.disabled}
            typer.echo(json.dumps({**described, "created_at": user.created_at.isoformat()}, ensure_ascii=False))
        else:
            state = "  disabled" if user.disabled else ""
            typer.echo(f"{user.name:24} {user.role:8} since {user.created_at:%Y-%m-%d}{state}")


@users.command("change")
def change_user(
    name: Name,
    role: Annotated[Role | None, typer.Option(help="Another role.")] = None,
    disabled: Annotated[
        bool | None,
        typer.Option("--disable/--enable", help="Whether they are kept out; sessions and keys end at once."),
    ] = None,
) -> None:
    """Give an account another role, or disable or enable it."""

    async def change(app: App) -> User:
        user = await app.access.user_named(name)
        await app.audit.note("cli", "users change", user.id, "ok")
        return await app.access.change_user(user.id, role=role, disabled=disabled)

    user = _with_app(change)
    typer.echo(f"{user.name} is {_article(user.role)}{', and disabled' if user.disabled else ''}.")


@users.command("password")
def set_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give an account another password; all its sessions end."""
    password = _password(from_stdin=password_stdin)

    async def change(app: App) -> None:
        user = await app.access.user_named(name)
        await app.access.set_password(user.id, password)
        await app.audit.note("cli", "users password", user.id, "ok")

    _with_app(change)
    typer.echo(f"{name} has another password now.")


@users.command("remove")
def remove_user(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")] = False
) -> None:
    """Erase an account with all its recordings, transcripts, questions and answers, for ever."""
    if not yes:
        typer.confirm(f"Erase {name} and everything that is theirs?", abort=True)

    async def remove(app: App) -> None:
        user = await app.access.user_named(name)
        await app.audit.note("cli", "users remove", user.id, "ok")
        await erase(Actor(user.id), app.media, app.jobs, app.answers, app.access)

    _with_app(remove)
    typer.echo(f"{name} is erased.")


@users.command("export")
def export_user(
    name: Name, output: Annotated[Path, typer.Option("-o", "--output", help="The zip file to write.")]
) -> None:
    """Write all that an account owns into a zip file: recordings, transcripts, questions and answers."""

    async def export(app: App) -> None:
        user = await app.access.user_named(name)
        await app.audit.note("cli", "users export", user.id, "ok")
        with output.open("xb") as file:
            async for piece in app.takeout().of(Actor(user.id)):
                file.write(piece)

    try:
        _with_app(export)
    except OSError as error:
        raise InvalidError(f"{output} cannot be written: {error.strerror}.") from None
    typer.echo(f"Wrote all that {name} owns to {output}.")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    user: Annotated[
        str | None, typer.Option(help="Account whose key it is; without accounts there is one user.")
    ] = None,
    scopes: Annotated[str, typer.Option(help="What it may do, of what its owner may.")] = ",".join(sorted(PERMISSIONS)),
    days: Annotated[
        float | None, typer.Option(min=0, help="For how long it is good; else until it is revoked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, this once: programs send it as `Authorization: Bearer …`."""
    wanted = _scopes(scopes)

    async def create(app: App) -> tuple[str, Key]:
        owner = LOCAL.id if user is None else (await app.access.user_named(user)).id
        token, key = await app.access.add_key(owner, name, wanted, days)
        await app.audit.note("cli", "keys create", key.id, "ok")
        return token.text, key

    secret, key = _with_app(create)
    typer.echo(json.dumps({"id": key.id, "key": secret}) if as_json else secret)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Print all API keys, newest first: how they begin, and not the rest."""
    for key in _with_app(_keys):
        used = f"{key.used_at:%Y-%m-%d %H:%M}" if key.used_at else "never"
        until = f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "-"
        if as_json:
            described = {"id": key.id, "user_id": key.user_id, "name": key.name, "prefix": key.prefix}
            moments = {"expires_at": key.expires_at, "used_at": key.used_at}
            moments_json = {name: moment and moment.isoformat() for name, moment in moments.items()}
            typer.echo(json.dumps({**described, "scopes": sorted(key.scopes), **moments_json}, ensure_ascii=False))
        else:
            typer.echo(
                f"{key.id}  {key.prefix}…  {key.name:20} {','.join(sorted(key.scopes)):24} used {used}, until {until}"
            )


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")],
) -> None:
    """Revoke an API key, at once."""

    async def revoke(app: App) -> None:
        await app.access.revoke_key(None, key_id)
        await app.audit.note("cli", "keys revoke", key_id, "ok")

    _with_app(revoke)
    typer.echo(f"{key_id} is revoked.")


async def _keys(app: App) -> list[Key]:
    return await app.access.keys(None)


def _with_app(work: Callable[[App], Coroutine[Any, Any, Result]]) -> Result:
    async def working() -> Result:
        async with open_app(quiet_settings()) as app:
            return await work(app)

    return run(working())


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked


def _scopes(text: str) -> list[Permission]:
    wanted = {scope.strip() for scope in text.split(",")}
    if unknown := wanted - PERMISSIONS:
        raise InvalidError(
            f"There is no scope {', '.join(sorted(unknown))}; choose of {', '.join(sorted(PERMISSIONS))}."
        )
    return [scope for scope in PERMISSIONS if scope in wanted]


def _article(role: Role) -> str:
    return {"admin": "an administrator", "member": "a member", "viewer": "a viewer"}[role]

"""From errors to RFC 9457 problem+json, and to OpenAI's shape under /v1: the one table from exception to status."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope

from videochat import errors
from videochat.ops.logging import request_id

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

log = structlog.get_logger(__name__)

OPENAI = "/v1/"
# As nginx logs it; nobody is there to receive it.
CLIENT_LEFT = 499

STATUS: dict[type[errors.VideoChatError], int] = {
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.InvalidError: 422,
    errors.UnsupportedError: 415,
    errors.MediaError: 422,
    errors.TooLargeError: 413,
    errors.DeniedError: 403,
    errors.UnauthenticatedError: 401,
    errors.TooManyError: 429,
    errors.LeftError: CLIENT_LEFT,
    errors.BusyError: 503,
    errors.StorageFullError: 507,
    errors.StorageError: 503,
    errors.TaskTimeoutError: 500,
    errors.ConfigurationError: 500,
    errors.NotInstalledError: 501,
    errors.TranscriptionError: 502,
    errors.ProviderError: 502,
    errors.EmbedderError: 502,
    errors.SourceError: 502,
    errors.VideoChatError: 500,
}


def status_of(error: errors.VideoChatError) -> int:
    """Return the HTTP status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    scope: Scope, status: int, code: str, detail: str, headers: dict[str, str] | None = None, param: str | None = None
) -> JSONResponse:
    """Return the error in the shape that who asks at this address expects; `param` is what of the request is wrong."""
    if scope["path"].startswith(OPENAI):
        return JSONResponse(openai_error(status, code, detail, param), openai_status(status), headers)
    body = {
        "type": "about:blank",
        "title": "Client Left" if status == CLIENT_LEFT else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
    }
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def openai_status(status: int) -> int:
    """Return the status in OpenAI's words, where what is not supported is a bad request."""
    return 400 if status == 415 else status


def openai_error(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """Return the error as OpenAI's clients read it."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_for_openai(error: errors.VideoChatError) -> dict[str, Any]:
    """Return an error of ours as OpenAI's clients read it."""
    return openai_error(openai_status(status_of(error)), error.reason, error.message)


def install(api: FastAPI) -> None:
    """Answer every error of the API as a problem."""
    api.add_exception_handler(errors.VideoChatError, _ours)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, http_problem)


def answer_to(scope: Scope, error: errors.VideoChatError) -> JSONResponse:
    """Return the problem that an error of ours is."""
    headers = {"Retry-After": "5"} if error.retryable else {}
    if scope["path"].startswith(OPENAI):
        # Else OpenAI's clients send a whole recording again after errors that stay.
        headers["X-Should-Retry"] = "true" if error.retryable else "false"
    if isinstance(error, errors.TooManyError) and error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(scope, status_of(error), error.reason, error.message, headers)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.VideoChatError)
    return answer_to(request.scope, error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(request.scope, 422, "invalid", f"The body is not JSON ({_place(error.body, first['loc'][-1])}).")
    if first["loc"] == ("body",) and not _says_json(request):
        return problem(
            request.scope, 422, "invalid", "Send the body as JSON, with the header Content-Type: application/json."
        )
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    detail = f"{where}: {first['msg']}" if where else str(first["msg"])
    return problem(request.scope, 422, "invalid", detail, param=where or None)


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def http_problem(request: Request, error: Exception) -> JSONResponse:
    """Answer what no route took, or none that takes this method."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, UnicodeDecodeError):
        return problem(request.scope, 422, "invalid", "The body is not JSON: it is not in UTF-8.")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    detail = "There is nothing at this address." if error.status_code == 404 else str(error.detail)
    return problem(request.scope, error.status_code, code, detail, headers)


def _methods(request: Request) -> list[str]:
    """Return what can be done at this address: each method is a route of its own, and one alone does not know."""
    found = [method for method in METHODS if _is_taken({**request.scope, "method": method}, request.app.routes)]
    return ["HEAD", *found] if "GET" in found else found


def _is_taken(scope: Scope, routes: Sequence[BaseRoute]) -> bool:
    # Mounted files take whatever comes and refuse it themselves; they can only be read.
    return any(
        route.matches(scope)[0] is Match.FULL and (scope["method"] == "GET" or not isinstance(route, Mount))
        for route in routes
    )

"""From errors to RFC 9457 problem+json: the one table from exception to status."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from videochat import errors
from videochat.ops.logging import request_id

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.VideoChatError], int] = {
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.InvalidError: 422,
    errors.UnsupportedError: 415,
    errors.MediaError: 422,
    errors.TooLargeError: 413,
    errors.DeniedError: 403,
    errors.BusyError: 503,
    errors.StorageFullError: 507,
    errors.StorageError: 503,
    errors.ConfigurationError: 500,
    errors.TranscriptionError: 502,
    errors.ProviderError: 502,
    errors.VideoChatError: 500,
}


def status_of(error: errors.VideoChatError) -> int:
    """Return the HTTP status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
    }
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def install(api: FastAPI) -> None:
    """Answer every error of the API as a problem."""
    api.add_exception_handler(errors.VideoChatError, _ours)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.VideoChatError)
    status = status_of(error)
    headers = {"Retry-After": "5"} if error.retryable else None
    return problem(status, error.reason, error.message, headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return problem(422, "invalid", f"{where}: {first['msg']}" if where else str(first["msg"]))


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    detail = "There is nothing at this address." if error.status_code == 404 else str(error.detail)
    return problem(error.status_code, code, detail, dict(error.headers or {}))

"""One exception tree: what went wrong, for a person (message) and for a program (code, retryable)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class VideoChatError(Exception):
    """Something went wrong inside VideoChat."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.reason = code or self.code
        super().__init__(self.message)


class NotFoundError(VideoChatError):
    """There is nothing here under this name."""

    code = "not_found"


class ConflictError(VideoChatError):
    """The thing is in a state that does not allow this."""

    code = "conflict"


class InvalidError(VideoChatError):
    """The request cannot be understood."""

    code = "invalid"


class UnsupportedError(VideoChatError):
    """This kind of media, format or option is not supported."""

    code = "unsupported"


class TooLargeError(VideoChatError):
    """This is larger than the service accepts."""

    code = "too_large"


class DeniedError(VideoChatError):
    """This is not allowed."""

    code = "denied"


class UnauthenticatedError(VideoChatError):
    """Say who you are: sign in, or send an API key as `Authorization: Bearer …`."""

    code = "unauthenticated"


class TooManyError(VideoChatError):
    """This was asked too often; try again later."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str | None = None, *, code: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class QuotaError(TooManyError):
    """What this account may use is used up."""

    code = "quota"
    retryable = False


class StorageQuotaError(TooLargeError):
    """There is no room for this in the storage of this account, and waiting makes none."""

    code = "quota_storage_bytes"


class LeftError(VideoChatError):
    """Whoever asked has gone before there was an answer."""

    code = "client_left"


class BusyError(VideoChatError):
    """The service has no room for this now; try again later."""

    code = "busy"
    retryable = True


class NotYetError(BusyError):
    """This must wait for something else."""

    code = "not_yet"


class TaskTimeoutError(VideoChatError):
    """A step of the job took too long (JOBS__STEP_SECONDS)."""

    code = "step_timeout"
    retryable = True


class PoisonedError(VideoChatError):
    """A step of this job ended its worker or failed without a reason again and again; the workers' log says more."""

    code = "poisoned"


class StorageError(VideoChatError):
    """The data folder or the blob store does not take what was written."""

    code = "storage"


class StorageFullError(StorageError):
    """There is no space left where VideoChat keeps its data; free some and try again."""

    code = "storage_full"


class StorageUnavailableError(StorageError):
    """The blob store does not answer; what was asked for can be tried again in a moment."""

    code = "storage_unavailable"
    retryable = True


class DatabaseUnavailableError(StorageError):
    """The database does not answer; what was asked for can be tried again in a moment."""

    code = "database_unavailable"
    retryable = True


class ConfigurationError(VideoChatError):
    """A setting does not fit; see `videochat doctor`."""

    code = "configuration"


class NotInstalledError(ConfigurationError):
    """This takes packages that are not installed here."""

    code = "not_installed"


class MediaError(VideoChatError):
    """The file cannot be read as audio or video."""

    code = "media_unreadable"


class SourceError(VideoChatError):
    """The link does not lead to a recording that can be fetched."""

    code = "source_failed"


class SourceUnavailableError(SourceError):
    """The site behind the link does not answer now; it can be tried again later."""

    code = "source_unavailable"
    retryable = True


class TranscriptionError(VideoChatError):
    """The speech engine could not transcribe the audio."""

    code = "transcription_failed"


class EngineCrashedError(TranscriptionError):
    """The speech engine's process ended unexpectedly."""

    code = "engine_crashed"
    retryable = True


class EngineUnavailableError(TranscriptionError):
    """The chosen speech engine cannot be used here."""

    code = "engine_unavailable"


class ProviderError(VideoChatError):
    """The language model could not answer."""

    code = "provider_failed"


class ProviderDeniedError(ProviderError):
    """The language model's provider refuses the key; set AI__API_KEY."""

    code = "provider_denied"


class ProviderUnavailableError(ProviderError):
    """The language model's provider cannot be reached or is overloaded."""

    code = "provider_unavailable"
    retryable = True


class EmbedderError(VideoChatError):
    """The embedder could not turn the text into a vector."""

    code = "embedder_failed"


class EmbedderUnavailableError(EmbedderError):
    """The embedder cannot be reached or is overloaded."""

    code = "embedder_unavailable"
    retryable = True


class NotificationError(VideoChatError):
    """The notification was not taken."""

    code = "notification_failed"
    retryable = True


def stored(error: Mapping[str, str], otherwise: type[VideoChatError]) -> VideoChatError:
    """Return what a job or an answer failed with, of which its code and message were stored.

    A finer code than those of the classes here is one of `otherwise`, but for those of media, which all begin with it.
    """
    code = error["code"]
    known = (kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, VideoChatError))
    kind = next((kind for kind in known if kind.code == code), MediaError if code.startswith("media_") else otherwise)
    return kind(error["message"], code=code)


def from_os_error(error: OSError, doing: str) -> StorageError:
    """Turn the operating system's error into one that tells a person what to do, without naming a path."""
    match error.errno:
        case 28 | 122:  # ENOSPC, EDQUOT
            return StorageFullError()
        case 13 | 30 | 1:  # EACCES, EROFS, EPERM
            return StorageError(
                f"Cannot write while {doing}: the data folder is not writable; set DATA_DIR or its rights."
            )
        case _:
            return StorageError(f"Cannot write while {doing}: {error.strerror or 'input/output error'}.")

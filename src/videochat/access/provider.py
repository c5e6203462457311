"""The port to an identity provider: a service that vouches for people, so that we need no passwords of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from videochat.errors import ConfigurationError
from videochat.plugins import installed
from videochat.settings import Settings

GROUP = "videochat.identity_providers"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody for whom the provider vouches. `subject` is theirs for ever; `email` is only there when it is verified."""

    subject: str
    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Errand:
    """A browser sent to the provider (`url`), and what must be known when it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


class IdentityProvider(Protocol):
    """Vouches for people."""

    async def send(self, back_to: str) -> Errand:
        """Begin: say where to send the browser, which comes back to that address. Raises BusyError."""
        ...

    async def receive(self, errand: Errand, back_at: str, back_to: str) -> Vouched:
        """End: say who came back at this whole address. Raises UnauthenticatedError, BusyError."""
        ...


def load_identity_provider(settings: Settings) -> IdentityProvider | None:
    """Return the provider of this way to sign in, None for one that needs none. Raises ConfigurationError."""
    if settings.auth.mode != "oidc":
        return None
    if settings.server.public_url is None or settings.secret_key is None:
        raise ConfigurationError(
            "AUTH__MODE=oidc needs SERVER__PUBLIC_URL, to which browsers come back, and SECRET_KEY."
        )
    try:
        adapter = installed(GROUP)["oidc"].point.load()
    except ImportError:
        raise ConfigurationError("AUTH__MODE=oidc needs more packages: pip install 'videochat[oidc]'.") from None
    provider: IdentityProvider = adapter.from_settings(settings.auth)
    return provider

"""OpenID Connect: authorization code flow with PKCE, by Authlib; ID tokens are verified by joserfc.

https://openid.net/specs/openid-connect-core-1_0.html, section 3.1.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from videochat.access.provider import Errand, Vouched
from videochat.errors import BusyError, ConfigurationError, UnauthenticatedError
from videochat.sections import AuthSettings

SCOPE = "openid profile email"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]  # none with a shared secret
TIMEOUT_SECONDS = 10.0
KNOWN_SECONDS = 3600.0
LEEWAY_SECONDS = 60  # by which clocks may differ


class OidcProvider:
    """One provider, whose description and keys are fetched when they are needed, and again after an hour."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._known: dict[str, tuple[float, Any]] = {}

    @classmethod
    def from_settings(cls, auth: AuthSettings) -> OidcProvider:
        """Raises ConfigurationError."""
        if not auth.oidc_issuer or not auth.oidc_client_id:
            raise ConfigurationError("AUTH__MODE=oidc needs AUTH__OIDC_ISSUER and AUTH__OIDC_CLIENT_ID.")
        secret = auth.oidc_client_secret
        return cls(auth.oidc_issuer, auth.oidc_client_id, None if secret is None else secret.get_secret_value())

    async def send(self, back_to: str) -> Errand:
        endpoint = (await self._description())["authorization_endpoint"]
        nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        async with self._client(back_to) as client:
            url, state = client.create_authorization_url(endpoint, nonce=nonce, code_verifier=verifier)
        return Errand(url, state, nonce, verifier)

    async def receive(self, errand: Errand, back_at: str, back_to: str) -> Vouched:
        endpoint = (await self._description())["token_endpoint"]
        try:
            async with self._client(back_to) as client:
                token = await client.fetch_token(
                    endpoint, authorization_response=back_at, code_verifier=errand.verifier, state=errand.state
                )
            return _vouched(await self._verified(token["id_token"], errand.nonce))
        except httpx.HTTPError:
            raise _unreachable() from None
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as error:
            raise UnauthenticatedError(
                "The identity provider did not vouch for you.", code="not_vouched_for"
            ) from error  # fmt: skip

    def _client(self, back_to: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._client_id, self._client_secret, scope=SCOPE, redirect_uri=back_to, code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client_secret else "none", timeout=TIMEOUT_SECONDS,
        )  # fmt: skip

    async def _verified(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of a token that the provider made for us, now, on this errand. Raises JoseError, ValueError."""
        address = (await self._description())["jwks_uri"]
        try:
            token = jwt.decode(id_token, KeySet.import_key_set(await self._fetched(address)), algorithms=ALGORITHMS)
        except (JoseError, ValueError):  # perhaps signed with a key that came after we had asked for them
            self._known.pop(address, None)
            token = jwt.decode(id_token, KeySet.import_key_set(await self._fetched(address)), algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        return token.claims

    async def _description(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._fetched(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise ConfigurationError("AUTH__OIDC_ISSUER is not what the provider calls itself.")
        return found

    async def _fetched(self, address: str) -> Any:
        until, found = self._known.get(address, (0.0, None))
        if until < time.monotonic():
            try:
                async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
                    found = (await client.get(address)).raise_for_status().json()
            except (httpx.HTTPError, ValueError):
                raise _unreachable() from None
            self._known[address] = (time.monotonic() + KNOWN_SECONDS, found)
        return found


def _vouched(claims: dict[str, Any]) -> Vouched:
    email = str(claims["email"]) if claims.get("email") and claims.get("email_verified") is True else None
    name = email or claims.get("preferred_username") or claims.get("name") or claims["sub"]
    return Vouched(f"{claims['iss']} {claims['sub']}", str(name)[:60], email)


def _unreachable() -> BusyError:
    return BusyError("The identity provider does not answer; try again in a moment.", code="provider_unreachable")

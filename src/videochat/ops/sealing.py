"""Secrets that are stored: sealed with SECRET_KEY, so that a copy of the database alone gives none away."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from videochat.errors import ConfigurationError

MISSING = "SECRET_KEY is not set, so no secret can be stored: set it to what `openssl rand -hex 32` prints and restart."


class Sealer:
    """Seals texts with a key that is derived from SECRET_KEY for this purpose alone (HKDF, RFC 5869)."""

    def __init__(self, secret_key: SecretStr | None, purpose: str) -> None:
        self._fernet = None if secret_key is None else Fernet(_derived(secret_key.get_secret_value(), purpose))

    def seal(self, text: str) -> str:
        """Return the text encrypted and signed. Raises ConfigurationError when there is no SECRET_KEY."""
        return self._key().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the text again. Raises ConfigurationError when it was sealed with another key, or there is none."""
        try:
            return self._key().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigurationError(
                "A stored secret was sealed with another SECRET_KEY: set that one again, or set the secret anew."
            ) from None

    def _key(self) -> Fernet:
        if self._fernet is None:
            raise ConfigurationError(MISSING)
        return self._fernet


def _derived(secret: str, purpose: str) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"videochat {purpose}".encode())
    return base64.urlsafe_b64encode(derive.derive(secret.encode()))

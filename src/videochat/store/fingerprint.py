"""Fingerprints: the hash of exactly what a derived thing depends on."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any


def fingerprint(kind: str, **inputs: Any) -> str:
    """Return the hex sha256 of the kind and its inputs; equal inputs give equal fingerprints on every machine.

    Inputs are JSON values; the order of keys does not matter.
    """
    canonical = json.dumps([kind, inputs], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def new_id(prefix: str) -> str:
    """Return an opaque id that nobody can guess, such as `med_3k9…`; 100 bits from the system's generator."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return f"{prefix}_" + "".join(secrets.choice(alphabet) for _ in range(20))

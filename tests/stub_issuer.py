"""An OpenID provider on loopback that vouches for whom a test wants, by HTTP as a real one does."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


@dataclass
class Issuer:
    """What the provider says; a test changes it as it likes. `claims` are added to those of a right token."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signing_key: RSAKey | None = None
    errands: dict[str, dict[str, str]] = field(default_factory=dict)

    def token(self, nonce: str, client: str) -> str:
        now = int(time.time())
        right = {"iss": self.url, "aud": client, "sub": "42", "nonce": nonce, "iat": now, "exp": now + 300}
        signed: str = jwt.encode({"alg": "RS256", "kid": "one"}, {**right, **self.claims}, self.signing_key or self.key)
        return signed


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            match address.path:
                case "/.well-known/openid-configuration":
                    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                    self._json({"issuer": issuer.url, **{name: f"{issuer.url}/{name}" for name in names}})
                case "/jwks_uri":
                    self._json({"keys": [issuer.key.as_dict(private=False)]})
                case "/authorization_endpoint":
                    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
                    code = f"code{len(issuer.errands)}"
                    issuer.errands[code] = asked
                    self.send_response(303)
                    back = urlencode({"code": code, "state": asked["state"]})
                    self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                    self.end_headers()

        def do_POST(self) -> None:
            given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked = issuer.errands.pop(given["code"][0], {})
            digest = sha256(given["code_verifier"][0].encode()).digest()
            right = asked.get("code_challenge") == urlsafe_b64encode(digest).decode().rstrip("=")
            if not right or asked["redirect_uri"] != given["redirect_uri"][0]:
                self._json({"error": "invalid_grant"}, 400)
                return
            token = issuer.token(asked["nonce"], asked["client_id"])
            self._json({"access_token": "x", "token_type": "Bearer", "id_token": token})

        def _json(self, body: object, status: int = 200) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    return Handler


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(issuer))
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield issuer
    server.shutdown()
    server.server_close()

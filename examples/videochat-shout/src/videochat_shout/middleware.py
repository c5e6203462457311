"""A header on every answer: SERVER__MIDDLEWARE='["shout"]'."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.web.gate import IDENTITY


class Greeting:
    """Greets who asks. `word` comes from SERVER__MIDDLEWARE_OPTIONS='{"shout": {"word": "moin"}}'."""

    def __init__(self, app: ASGIApp, word: str = "hello") -> None:
        self._app = app
        self._word = word.upper()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = scope[IDENTITY].actor.id if scope[IDENTITY] else "stranger"

        async def greeting(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Shout"] = f"{self._word} {who}"
            await send(message)  # piece by piece, so that streams stay streams

        await self._app(scope, receive, greeting)

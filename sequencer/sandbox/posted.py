"""What reps would have got by their webhooks: the sandbox answers as Slack does, and keeps the last texts in memory."""

from collections import deque

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

KEPT = 1000


class PostedDoor:
    """Each method answers one route of `app.build`."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=KEPT)

    async def take(self, request: Request) -> Response:
        try:
            message = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return PlainTextResponse("invalid_payload", 400)
        text = message.get("text") if isinstance(message, dict) else None
        if not isinstance(text, str) or not text:
            return PlainTextResponse("no_text", 400)
        self._texts.append(text)
        return PlainTextResponse("ok")

    def shown(self, request: Request) -> Response:
        """The texts, oldest first."""
        return Response(orjson.dumps(list(self._texts)), media_type="application/json")

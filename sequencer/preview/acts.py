"""What the page's buttons do. Each takes a JSON object and answers with one: `problem`, or what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sequencer.core.lead_input import InvalidLead, normal_email
from sequencer.errors import InvalidInput
from sequencer.preview import propose, save
from sequencer.preview.courier import Courier, Ready, failure
from sequencer.preview.desk import Desk
from sequencer.preview.sheet import mailed
from sequencer.rendering.rewrite import Written

LARGEST: Final = 2_000_000
"""Bytes of a request: a file of the largest size, each letter escaped."""
NO_PROVIDER: Final = (
    "no provider is configured: set SMTP_URL, or SENDGRID_API_KEY, and start the preview again. While `sequencer dev` "
    "runs, `set -a; . .sequencer/env` takes its settings, and the mail lands in its inbox"
)

Act = Callable[[Request, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Acts:
    """Each method is behind one route of `app.build`."""

    desk: Desk
    courier: Courier
    sends: bool
    """Whether a provider is configured."""

    def save(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        """`subject`, `preheader`, `body`, and `seen`, the stamp of the file that they were edited from."""
        file = self._file(request)
        wanted = Written(_text(given, "subject"), _text(given, "preheader"), _text(given, "body"))
        seen = save.save(self.desk.folder, file, wanted, _text(given, "seen"))
        self.desk.glance()
        return {"seen": seen, "said": f"{file} is saved"}

    def send(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        """`to`, and `as`, the reader's key."""
        to = self._address(given)
        item = request.path_params["item"]
        ready = self._ready(item, given)
        if problem := failure(self.courier.one(ready, to)):
            raise InvalidInput(problem)
        return {"said": f"sent to {to}"}

    def series(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        """The same for all mails of a sequence."""
        to = self._address(given)
        workspace = self.desk.sheet.workspace
        found = workspace.sequences.get(request.path_params["sequence"]) if workspace else None
        if found is None:
            raise InvalidInput("there is no such sequence")
        reader = self.desk.reader(_text(given, "as"))
        mails = [self._ready(self.desk.sheet.item_for(item, reader), given) for item in mailed(found)]
        if not mails:
            raise InvalidInput(f"{found.id} mails nothing")
        self.courier.series(mails, to)
        self.desk.tell()
        return {"said": f"{len(mails)} mails go to {to}, one a minute, as long as the preview runs"}

    def stop(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        self.courier.stop()
        return {"said": "stopped"}

    def paste(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        """`text`: a lead to read as."""
        reader = self.desk.paste(_text(given, "text"))
        return {"as": reader.key}

    def propose(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        """`paths` and `title`."""
        paths = given.get("paths")
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise InvalidInput("choose at least one file")
        if faulty := sorted(self.desk.sheet.broken & set(paths)):
            raise InvalidInput(f"{', '.join(faulty)}: mend the mistakes first, or leave it out")
        made = propose.propose(self.desk.folder, paths, _text(given, "title"))
        return {"branch": made.branch, "commit": made.commit[:10], "files": list(made.files), "remote": made.remote}

    def _file(self, request: Request) -> str:
        """Of the item in the address: only what the workspace holds as content has one."""
        file = self.desk.sheet.items.get(request.path_params["item"])
        if file is None:
            raise InvalidInput(f"there is no mail {request.path_params['item']} (any more)")
        return file

    def _ready(self, item: str, given: dict[str, Any]) -> Ready:
        sheet = self.desk.sheet
        # A lead's own pages do not exist for a preview; this leads to somewhere harmless.
        page = f"{sheet.workspace.brand.url}#preview" if sheet.workspace else ""
        return Ready(item, sheet.mail(item, self.desk.reader(_text(given, "as")), page))

    def _address(self, given: dict[str, Any]) -> str:
        if not self.sends:
            raise InvalidInput(NO_PROVIDER)
        return normal_email(_text(given, "to"))


def answered(act: Act) -> Callable[[Request], Any]:
    """The endpoint for an act: reads the object, and says what is wrong with it."""

    async def endpoint(request: Request) -> Response:
        try:
            given = await _object(request)
            return JSONResponse(await run_in_threadpool(act, request, given))
        except save.ChangedMeanwhile as error:
            return JSONResponse({"problem": str(error)}, 409)
        except (InvalidInput, InvalidLead) as error:
            return JSONResponse({"problem": str(error)}, 400)

    return endpoint


async def _object(request: Request) -> dict[str, Any]:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > LARGEST:
            raise InvalidInput(f"expected at most {LARGEST:,} bytes")
    try:
        given = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("expected JSON") from error
    if not isinstance(given, dict):
        raise InvalidInput("expected a JSON object")
    return given


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise InvalidInput(f"expected text for {name}")
    return value

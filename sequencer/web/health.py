"""`/healthz`: whether this process can do its work, for whoever routes requests to it."""

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sequencer.services.context import Context
from sequencer.store import releases


@dataclass(frozen=True, slots=True)
class HealthDoor:
    context: Context

    def show(self, request: Request) -> Response:
        try:
            with self.context.engine.connect() as conn:
                current = releases.current(conn)
        except SQLAlchemyError:
            return JSONResponse({"ok": False, "problem": "the database does not answer"}, 503)
        if current is None:
            return JSONResponse({"ok": False, "problem": "nothing is deployed yet", "deployment": None}, 503)
        return JSONResponse({"ok": True, "deployment": current[0]})

"""What all doors of the API answer with."""

from typing import Any

import orjson
from starlette.responses import Response

from sequencer.core.lead import Lead
from sequencer.web.api_input import Refused


def known(lead: Lead | None, email: str) -> Lead:
    if lead is None:
        raise Refused(404, f"there is no lead with the address {email}: POST it to /api/leads first")
    return lead


def json_answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")

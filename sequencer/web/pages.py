"""HTML pages: templates that escape everything, and times as people read them."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"

_UNITS: Final = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    """A page from `templates/`."""
    return _templates.TemplateResponse(request, name, values, status)


def relative(at: datetime, now: datetime) -> str:
    """`in 3 days`, `2 hours ago`, `now`: in the largest unit that fits."""
    distance = at - now
    for unit, size in _UNITS:
        if abs(distance) >= size:
            count = round(abs(distance) / size)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {words}" if distance > timedelta() else f"{words} ago"
    return "now"


def asked_rep(request: Request) -> str:
    """The address of the rep whose list is asked for, by `?rep=`; empty for everybody's."""
    return request.query_params.get("rep", "").replace("\0", "").strip().lower()[:200]


def day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%A %-d %B %Y}"


def minute(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def city(zone: ZoneInfo) -> str:
    """A zone as people call it: the last part of its name."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def words(name: str) -> str:
    """A choice as people read it: `audit_firm` as `Audit firm`; what is written as a word stays."""
    return name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]


def thousands(number: int) -> str:
    return f"{number:,}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    environment.filters.update(relative=relative, day=day, minute=minute, city=city, thousands=thousands)
    environment.globals["scripts"] = hashlib.sha256((STATIC / "form.js").read_bytes()).hexdigest()[:12]
    # Browsers keep the stylesheet for a day: its address changes with it.
    environment.globals["style"] = hashlib.sha256((STATIC / "sequencer.css").read_bytes()).hexdigest()[:12]
    return environment


_templates: Final = Jinja2Templates(env=_environment())

"""HTML of the preview: templates that escape everything."""

import hashlib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"


def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    """A page from `templates/`."""
    return _templates.TemplateResponse(request, name, values, status)


def address(path: str, **choices: str | int) -> str:
    """The path with those choices that are any, as a query."""
    query = urlencode({name: value for name, value in choices.items() if value})
    return f"{path}?{query}" if query else path


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["address"] = address
    assets = b"".join((STATIC / name).read_bytes() for name in ("preview.css", "preview.js"))
    environment.globals["assets"] = hashlib.sha256(assets).hexdigest()[:12]
    return environment


_templates: Final = Jinja2Templates(env=_environment())

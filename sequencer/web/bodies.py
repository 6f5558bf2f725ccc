"""Reading request bodies: no more of them than a door wants, whatever the header promises."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

FORM: Final = 20_000
"""Bytes of a form of ours."""


async def read(request: Request, most: int) -> bytes:
    """The body. Raises HTTPException 413 as soon as it is known to be longer than `most` bytes."""
    refusal = HTTPException(413, f"expected a body of at most {most:,} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 15 or int(announced) > most):
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise refusal
    return bytes(body)


async def read_form(request: Request) -> Mapping[str, list[str]]:
    """The fields of a form of ours, URL-encoded. Raises HTTPException 413 and 400."""
    body = await read(request, FORM)
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise HTTPException(400, "expected a URL-encoded form in UTF-8") from error


def first(form: Mapping[str, list[str]], name: str) -> str:
    """The field's first value; empty when there is none."""
    return form.get(name, [""])[0]

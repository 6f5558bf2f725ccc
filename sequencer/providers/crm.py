"""What CRMs are asked to do, whichever it is; and how one is spoken to.

Each adapter is its documented REST interface and nothing more. Every request can be repeated: contacts are looked for
before they are made, and so is what was left with them once an attempt may have gone through.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import orjson

from sequencer.core.mail import Answer, Outcome
from sequencer.providers.outgoing import JSON, Outgoing, Reply

_CODE: Final = re.compile(r"[A-Z][A-Z_]{2,49}")


@dataclass(frozen=True, slots=True)
class Contact:
    """A lead as the CRM is to know them."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    company: str | None = None
    owner: str | None = None
    """The rep's user id there; None: nobody is assigned."""
    owner_is_ours: bool = False
    """Whether the owner replaces one that the CRM knows."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What is left with a contact."""

    subject: str
    """The same at each attempt, and for nothing else of this contact."""
    text: str
    at: datetime
    open: bool = True
    """A task for the owner; else it is only noted."""


class Change(NamedTuple):
    """Values of one contact, by the CRM's names of the fields; None: there is none any more."""

    contact: str
    values: Mapping[str, str | None]


class Crm(Protocol):
    """One account of a CRM. Raises Failed."""

    most: int
    """Contacts that one `update` may take."""

    def leave(self, contact: Contact, activity: Activity, repeat: bool) -> str:
        """Finds or makes the contact and leaves the activity with it; the contact's id.

        `repeat`: an attempt before may have gone through.
        """
        ...

    def update(self, changes: Sequence[Change]) -> Collection[str]:
        """Writes the values; the ids of the contacts that took them."""
        ...


class Failed(Exception):
    """Why it was not done, or nobody knows whether it was. It holds nothing that the other side chose, but codes."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Api:
    """Asks one CRM: JSON goes, JSON comes."""

    def __init__(self, outgoing: Outgoing, url: str, headers: Callable[[], Mapping[str, str]]) -> None:
        self._outgoing = outgoing
        self._url = url
        self._headers = headers

    def __call__(
        self, method: str, path: str, body: Any = None, but: Collection[int] = (), more: str = ""
    ) -> tuple[int, Any]:
        """Status and JSON. Raises Failed for any status that is no success, `but` these.

        `more`: of the address, what names a person; it is said nowhere.
        """
        sent = orjson.dumps(body) if body is not None else b""
        headers = {**self._headers(), "Accept": JSON, **({"Content-Type": JSON} if body is not None else {})}
        answer = self._outgoing.ask(method, f"{self._url}{path}{more}", sent, headers)
        return read(answer, f"{method} {path}", but)


def read(answer: Reply | Outcome, what: str, but: Collection[int] = ()) -> tuple[int, Any]:
    """Status and JSON of an answer. Raises Failed."""
    if isinstance(answer, Outcome):
        raise Failed(answer)
    try:
        found = orjson.loads(answer.body) if answer.body else None
    except orjson.JSONDecodeError:
        found = None
    if 200 <= answer.status < 300 or answer.status in but:
        if found is None and answer.body:
            raise Failed(Outcome(Answer.UNKNOWN, detail=f"{answer.status} without JSON to {what}"))
        return answer.status, found
    detail = " ".join(filter(None, (str(answer.status), _code(found), f"to {what}")))
    if answer.status == 429:
        raise Failed(Outcome(Answer.RETRY, detail=detail, retry_after=answer.retry_after))
    if answer.status >= 500:
        raise Failed(Outcome(Answer.UNKNOWN, detail=detail, retry_after=answer.retry_after))
    raise Failed(Outcome(Answer.REFUSED, detail=detail))


def _code(found: Any) -> str | None:
    """The machine's word for what is wrong, as all three have one; never a sentence, which may quote a lead."""
    one = found[0] if isinstance(found, list) and found else found
    if not isinstance(one, dict):
        return None
    codes = (one.get(name) for name in ("category", "errorCode", "error_code"))
    return next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), None)


def given(**values: Any) -> dict[str, Any]:
    """Those that are known."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def gets_owner(contact: Contact, owner: str | int | None, owned: str | int | None) -> bool:
    """Whether a contact whose owner there is `owned` is to get this one: users are named by texts or by numbers."""
    return owner is not None and str(owned) != str(owner) and (contact.owner_is_ours or not owned)


def need(found: Any, *path: str | int) -> Any:
    """What stands there in an answer. Raises Failed: it is not the answer that is documented."""
    for name in path:
        try:
            found = found[name]
        except (KeyError, IndexError, TypeError) as error:
            raise Failed(Outcome(Answer.UNKNOWN, detail="the answer is not as documented")) from error
    return found


def identity(found: Any, *path: str | int) -> str:
    """The id that stands there. Raises Failed."""
    value = need(found, *path)
    if (
        isinstance(value, bool)
        or not isinstance(value, (str, int))
        or not re.fullmatch(r"[0-9A-Za-z]{1,40}", str(value))
    ):
        raise Failed(Outcome(Answer.UNKNOWN, detail="the answer is not as documented"))
    return str(value)

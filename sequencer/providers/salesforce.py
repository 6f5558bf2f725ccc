"""Salesforce's REST API. Source: developer.salesforce.com, "REST API Developer Guide": Query, sObjects, Collections.

The access token comes by OAuth's client credentials ("OAuth 2.0 Client Credentials Flow") and is kept until it is over.
Somebody who is neither a contact nor an open lead there becomes a lead.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from sequencer.core.mail import Answer, Outcome
from sequencer.providers.crm import Activity, Api, Change, Contact, Failed, gets_owner, given, identity, need, read
from sequencer.providers.outgoing import Outgoing

PATIENCE: Final = 5.0
"""Seconds to wait for another thread's token."""
DATA: Final = "/services/data/v64.0"
_KINDS: Final = {"003": "Contact", "00Q": "Lead"}
"""What a record is, by the beginning of its id."""


class Salesforce:
    most = 200

    def __init__(self, outgoing: Outgoing, url: str, client_id: str, client_secret: str) -> None:
        self._outgoing = outgoing
        self._url = url
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._token: str | None = None
        self._lock = threading.Lock()
        self._api = Api(outgoing, url, self._headers)

    def leave(self, contact: Contact, activity: Activity, repeat: bool) -> str:
        found = self._contact(contact)
        if not (repeat and self._is_left(found, activity)):
            task = given(
                Subject=activity.subject[:255],
                Description=activity.text[:32000],
                WhoId=found,
                OwnerId=contact.owner,
                Status="Not Started" if activity.open else "Completed",
                Priority="High" if activity.open else "Normal",
                ActivityDate=activity.at.date().isoformat(),
            )
            self._ask("POST", f"{DATA}/sobjects/Task", task)
        return found

    def update(self, changes: Sequence[Change]) -> Collection[str]:
        known = [one for one in changes if one.contact[:3] in _KINDS]
        if not known:
            return set()
        records = [
            {"attributes": {"type": _KINDS[one.contact[:3]]}, "id": one.contact, **one.values}
            # Records of one kind beside one another: more than ten changes of kind are refused.
            for one in sorted(known, key=lambda one: one.contact[:3])
        ]
        _, found = self._ask("PATCH", f"{DATA}/composite/sobjects", {"allOrNone": False, "records": records})
        return {str(one.get("id")) for one in found or () if isinstance(one, dict) and one.get("success") is True}

    def _contact(self, contact: Contact) -> str:
        for kind, more in (("Contact", ""), ("Lead", " AND IsConverted = false")):
            rows = self._query(f"SELECT Id, OwnerId FROM {kind} WHERE Email = {_text(contact.email)}{more} LIMIT 1")
            if rows:
                known = identity(rows, 0, "Id")
                if gets_owner(contact, contact.owner, rows[0].get("OwnerId")):
                    self._ask("PATCH", f"{DATA}/sobjects/{kind}/{known}", {"OwnerId": contact.owner})
                return known
        values = given(
            Email=contact.email,
            FirstName=contact.first_name,
            # Both are required; a lead of whom they are not known is named by the address.
            LastName=contact.last_name or contact.first_name or contact.email,
            Company=contact.company or contact.email.rpartition("@")[2],
            Title=contact.title,
            OwnerId=contact.owner,
        )
        _, made = self._ask("POST", f"{DATA}/sobjects/Lead", values)
        return identity(made, "id")

    def _is_left(self, contact: str, activity: Activity) -> bool:
        left = f"WhoId = {_text(contact)} AND Subject = {_text(activity.subject[:255])}"
        return bool(self._query(f"SELECT Id FROM Task WHERE {left} LIMIT 1"))

    def _query(self, soql: str) -> list[Any]:
        _, found = self._ask("GET", f"{DATA}/query", more=f"?q={quote(soql)}")
        return list(need(found, "records"))

    def _ask(self, method: str, path: str, body: Any = None, more: str = "") -> tuple[int, Any]:
        """Once more with a new token where the old one is over."""
        status, found = self._api(method, path, body, but=(401,), more=more)
        if status == 401:
            self._token = None
            status, found = self._api(method, path, body, more=more)
        return status, found

    def _headers(self) -> Mapping[str, str]:
        if not self._lock.acquire(timeout=PATIENCE):
            raise Failed(Outcome(Answer.RETRY, detail="no access token yet"))
        try:
            if self._token is None:
                self._token = self._new_token()
            return {"Authorization": f"Bearer {self._token}"}
        finally:
            self._lock.release()

    def _new_token(self) -> str:
        path = "/services/oauth2/token"
        form = urlencode({"grant_type": "client_credentials", **self._client}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        _, found = read(self._outgoing.ask("POST", f"{self._url}{path}", form, headers), f"POST {path}")
        token = need(found, "access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Failed(Outcome(Answer.REFUSED, detail="the access token is none"))
        return token


def _text(value: str) -> str:
    """A text in SOQL ("Quoted String Escape Sequences")."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"

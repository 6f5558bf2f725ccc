"""HubSpot's CRM API, v3. Source: developers.hubspot.com, "Contacts", "Tasks", "Notes" and "Search" (CRM objects)."""

import re
from collections.abc import Collection, Sequence
from html import escape, unescape
from typing import Any, Final
from urllib.parse import quote

from sequencer.providers.crm import Activity, Api, Change, Contact, gets_owner, given, identity, need
from sequencer.providers.outgoing import Outgoing

URL: Final = "https://api.hubapi.com"
CONTACTS: Final = "/crm/v3/objects/contacts"
_TO_CONTACT: Final = {"tasks": 204, "notes": 202}
"""Association types that HubSpot defines ("Association type id values")."""
_TAG: Final = re.compile(r"<[^>]*>")


class HubSpot:
    most = 100

    def __init__(self, outgoing: Outgoing, token: str, url: str = URL) -> None:
        self._ask = Api(outgoing, url, lambda: {"Authorization": f"Bearer {token}"})

    def leave(self, contact: Contact, activity: Activity, repeat: bool) -> str:
        found = self._contact(contact)
        kind = "tasks" if activity.open else "notes"
        if not (repeat and self._is_left(kind, found, activity)):
            self._ask(
                "POST",
                f"/crm/v3/objects/{kind}",
                {
                    "properties": _properties(activity) | given(hubspot_owner_id=contact.owner),
                    "associations": [
                        {
                            "to": {"id": found},
                            "types": [
                                {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _TO_CONTACT[kind]}
                            ],
                        }
                    ],
                },
            )
        return found

    def update(self, changes: Sequence[Change]) -> Collection[str]:
        """Contacts that are gone are named in `errors` of a 207; the others were written."""
        # Nothing is written as an empty text.
        inputs = [
            {"id": one.contact, "properties": {name: value or "" for name, value in one.values.items()}}
            for one in changes
        ]
        _, found = self._ask("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})
        return {str(one.get("id")) for one in need(found, "results") if isinstance(one, dict)}

    def _contact(self, contact: Contact) -> str:
        one = f"/{quote(contact.email, safe='@')}?idProperty=email&properties=hubspot_owner_id"
        status, found = self._ask("GET", CONTACTS, but=(404,), more=one)
        if status == 404:
            values = given(
                email=contact.email,
                firstname=contact.first_name,
                lastname=contact.last_name,
                jobtitle=contact.title,
                company=contact.company,
                hubspot_owner_id=contact.owner,
            )
            status, made = self._ask("POST", CONTACTS, {"properties": values}, but=(409,))
            if status != 409:
                return identity(made, "id")
            # Somebody else has just made it.
            _, found = self._ask("GET", CONTACTS, more=one)
        known = identity(found, "id")
        owned = (found.get("properties") or {}).get("hubspot_owner_id")
        if gets_owner(contact, contact.owner, owned):
            self._ask("PATCH", f"{CONTACTS}/{known}", {"properties": {"hubspot_owner_id": contact.owner}})
        return known

    def _is_left(self, kind: str, contact: str, activity: Activity) -> bool:
        # Notes are searched by words, and any of them may do: which note it is, its beginning says.
        name, operator = ("hs_task_subject", "EQ") if kind == "tasks" else ("hs_note_body", "CONTAINS_TOKEN")
        sought = {"propertyName": name, "operator": operator, "value": activity.subject}
        of = {"propertyName": "associations.contact", "operator": "EQ", "value": contact}
        newest = {"propertyName": "hs_timestamp", "direction": "DESCENDING"}
        body = {"filterGroups": [{"filters": [sought, of]}], "properties": [name], "sorts": [newest], "limit": 100}
        _, found = self._ask("POST", f"/crm/v3/objects/{kind}/search", body)
        texts = [str(need(one, "properties", name) or "") for one in need(found, "results")]
        return bool(texts) if kind == "tasks" else any(_begins(text, activity.subject) for text in texts)


def _begins(html: str, subject: str) -> bool:
    """Whether it is the first line, whatever editors there put around it."""
    lines = unescape(_TAG.sub("\n", html)).split("\n")
    return next((line.strip() for line in lines if line.strip()), "") == subject


def _properties(activity: Activity) -> dict[str, Any]:
    at = activity.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    html = "<br>".join(escape(line, quote=False) for line in activity.text.splitlines())
    if not activity.open:
        return {"hs_timestamp": at, "hs_note_body": f"{escape(activity.subject, quote=False)}<br>{html}"}
    return {
        "hs_timestamp": at,
        "hs_task_subject": activity.subject,
        "hs_task_body": html,
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "HIGH",
        "hs_task_type": "TODO",
    }

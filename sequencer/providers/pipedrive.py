"""Pipedrive's API, v2. Source: developers.pipedrive.com, "Persons" and "Activities"."""

from collections.abc import Collection, Sequence
from html import escape
from typing import Final
from urllib.parse import urlencode

from sequencer.providers.crm import Activity, Api, Change, Contact, gets_owner, given, identity, need
from sequencer.providers.outgoing import Outgoing

PERSONS: Final = "/api/v2/persons"
ACTIVITIES: Final = "/api/v2/activities"


class Pipedrive:
    most = 10
    """It takes no several at a time."""

    def __init__(self, outgoing: Outgoing, url: str, token: str) -> None:
        self._ask = Api(outgoing, url, lambda: {"x-api-token": token})

    def leave(self, contact: Contact, activity: Activity, repeat: bool) -> str:
        person = self._person(contact)
        if not (repeat and self._is_left(person, activity)):
            values = given(
                subject=activity.subject,
                type="task",
                note="<br>".join(escape(line, quote=False) for line in activity.text.splitlines()),
                due_date=activity.at.date().isoformat(),
                owner_id=_number(contact.owner),
            )
            participants = [{"person_id": int(person), "primary": True}]
            self._ask("POST", ACTIVITIES, {**values, "done": not activity.open, "participants": participants})
        return person

    def update(self, changes: Sequence[Change]) -> Collection[str]:
        """One after the other; who is gone takes nothing."""
        taken = set()
        for one in changes:
            body = {"custom_fields": dict(one.values)}
            status, _ = self._ask("PATCH", f"{PERSONS}/{one.contact}", body, but=(404, 410))
            if status == 200:
                taken.add(one.contact)
        return taken

    def _person(self, contact: Contact) -> str:
        query = urlencode({"term": contact.email, "fields": "email", "exact_match": "true", "limit": 1})
        _, found = self._ask("GET", f"{PERSONS}/search", more=f"?{query}")
        owner = _number(contact.owner)
        items = need(found, "data", "items")
        if items:
            person = need(items, 0, "item")
            known = identity(person, "id")
            owned = (person.get("owner") or {}).get("id")
            if gets_owner(contact, owner, owned):
                self._ask("PATCH", f"{PERSONS}/{known}", {"owner_id": owner})
            return known
        name = " ".join(filter(None, (contact.first_name, contact.last_name))) or contact.email
        emails = [{"value": contact.email, "primary": True, "label": "work"}]
        _, made = self._ask("POST", PERSONS, {**given(name=name, owner_id=owner), "emails": emails})
        return identity(made, "data", "id")

    def _is_left(self, person: str, activity: Activity) -> bool:
        query = urlencode({"person_id": person, "limit": 100, "sort_by": "add_time", "sort_direction": "desc"})
        _, found = self._ask("GET", ACTIVITIES, more=f"?{query}")
        return any(one.get("subject") == activity.subject for one in need(found, "data") or ())


def _number(owner: str | None) -> int | None:
    """Users are known by numbers; what is none names nobody."""
    return int(owner) if owner is not None and owner.isdecimal() else None

"""How the webhooks of three CRMs are read, ready-made. All of it is data: `webhooks` in workspace.yaml says the same.

Sources: HubSpot "Webhooks API" and "Workflows: trigger a webhook" (developers.hubspot.com), Pipedrive "Guide for
Webhooks v2" (pipedrive.readme.io), Salesforce "HTTP Callout" of flows, whose body is the administrator's own.
"""

from collections.abc import Mapping
from typing import Final

from sequencer.core.crm import Conditions, CrmSource, Path
from sequencer.core.halts import TOUCHES


def path(text: str) -> Path:
    return tuple(text.split("."))


def _paths(**texts: str) -> Mapping[str, Path]:
    return {name: path(text) for name, text in texts.items()}


def _named(*names: str) -> Mapping[str, Conditions]:
    """The body says by `event` what happened, as we call it."""
    return {name: {("event",): (name,)} for name in names}


_FLAT: Final = (*TOUCHES, "deal_won", "deal_lost", "stage_changed")
_HUBSPOT: Final = _paths(
    stage="lifecyclestage",
    status="hs_lead_status",
    owner="hubspot_owner_id",
    first_name="firstname",
    last_name="lastname",
    title="jobtitle",
)
_DEAL, _ACTIVITY = path("meta.entity"), path("data.type")

READY: Final[Mapping[str, CrmSource]] = {
    one.name: one
    for one in (
        CrmSource(
            "hubspot",
            "hubspot",
            "hubspot",
            only={("subscriptionType",): ("contact.*",)},
            property=(("propertyName",), ("propertyValue",)),
            email=("email",),
            contact=("objectId",),
            key=("eventId",),
            at=("occurredAt",),
            events={"stage_changed": {("lifecyclestage",): ("*",)}},
            fields=_HUBSPOT,
        ),
        CrmSource(
            "hubspot-workflow",
            "hubspot",
            "hubspot",
            email=("email",),
            contact=("hs_object_id",),
            at=("at",),
            rep=("hubspot_owner_id",),
            note=("note",),
            events=_named(*_FLAT),
            fields=_HUBSPOT,
        ),
        CrmSource(
            "salesforce",
            "salesforce",
            "bearer",
            email=("Email",),
            contact=("Id",),
            key=("Key",),
            at=("LastModifiedDate",),
            rep=("OwnerId",),
            note=("Description",),
            events=_named(*_FLAT),
            fields=_paths(stage="Status", owner="OwnerId", first_name="FirstName", last_name="LastName", title="Title"),
        ),
        CrmSource(
            "pipedrive-person",
            "pipedrive",
            "basic",
            only={path("meta.entity"): ("person",)},
            email=path("data.emails.0.value"),
            contact=path("data.id"),
            key=path("meta.id"),
            at=path("meta.timestamp"),
            fields=_paths(owner="data.owner_id", first_name="data.first_name", last_name="data.last_name"),
        ),
        CrmSource(
            "pipedrive-deal",
            "pipedrive",
            "basic",
            contact=path("data.person_id"),
            key=path("meta.id"),
            at=path("meta.timestamp"),
            rep=path("data.owner_id"),
            note=path("data.note"),
            events={
                "deal_won": {_DEAL: ("deal",), path("previous.status"): ("*",), path("data.status"): ("won",)},
                "deal_lost": {_DEAL: ("deal",), path("previous.status"): ("*",), path("data.status"): ("lost",)},
                "stage_changed": {_DEAL: ("deal",), path("previous.stage_id"): ("*",)},
                "meeting_booked": {
                    _DEAL: ("activity",),
                    _ACTIVITY: ("meeting",),
                    path("meta.action"): ("create",),
                },
                "call_logged": {_DEAL: ("activity",), _ACTIVITY: ("call",), path("data.done"): ("true", "1")},
                "mail_logged": {_DEAL: ("activity",), _ACTIVITY: ("email",), path("data.done"): ("true", "1")},
            },
            once=dict.fromkeys(("meeting_booked", "call_logged", "mail_logged"), path("data.id")),
            fields=_paths(stage="data.status"),
        ),
    )
}

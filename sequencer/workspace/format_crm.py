"""The keys of `crm` in sequences/workspace.yaml."""

from collections.abc import Mapping
from typing import Final

from sequencer.core.crm import SIGNED, TRUTHS
from sequencer.core.crm_ready import READY
from sequencer.core.target_call import SYSTEMS
from sequencer.workspace.shapes import Block, Choice, Key, Named, Several, either
from sequencer.workspace.words import ANY, DURATION, ID, NAME, PATH

_CONDITIONS: Final = Named(PATH, either(ANY, Several(ANY)))

CRM: Final[Mapping[str, tuple[Key, ...]]] = {
    "crm": (
        Key(
            "truth",
            Named(NAME, Choice(TRUTHS)),
            "Who is right about a field where both know a value: `crm` or `ours`. Unless you say otherwise, the CRM "
            "about `stage`, `status` and `owner`, we about everything else.",
            "{stage: crm, status: crm, owner: crm, pains: ours}",
        ),
        Key(
            "stages",
            Named(ANY, ID),
            "What the CRM calls our stages; a name that stands neither here nor in `stages` says nothing.",
            '{Lead: lead, "Closed Won": customer}',
        ),
        Key(
            "webhooks",
            Named(ID, Block("crm.webhook")),
            "How the CRM tells us: by the name in the address, how what comes there is verified and read.",
            "{hubspot: {like: hubspot}}",
        ),
        Key(
            "write_back",
            Block("crm.write_back"),
            "What the CRM is told of leads that it knows, as it goes; without it, nothing.",
            "{to: hubspot, every: 1 hour, fields: {sequence: sequencer_sequence, next_send: sequencer_next_send}}",
        ),
    ),
    "crm.write_back": (
        Key("to", Choice(SYSTEMS), "Which CRM.", "hubspot", True),
        Key("every", DURATION, "Each contact is written to once in so long at most; 1 hour.", "30 minutes"),
        Key(
            "fields",
            Block("crm.written"),
            "What is told, and the CRM's name of the field for it.",
            "{step: sq_step}",
            True,
        ),
    ),
    "crm.written": (
        Key("sequence", ANY, "The title of the sequence that the lead is in.", "sequencer_sequence"),
        Key("step", ANY, "The step before which the lead stands.", "sequencer_step"),
        Key(
            "next_send",
            ANY,
            "The day of the next mail; where something is to be decided first, the day of that.",
            "sequencer_next_send",
        ),
        Key("activity", ANY, "What the lead did last, in words: a click, a visit, a form, an answer.", "sq_activity"),
        Key("active_on", ANY, "The day of that.", "sequencer_active_on"),
    ),
    "crm.webhook": (
        Key("like", Choice(tuple(READY)), "Ready-made; what else stands here replaces parts of it.", "hubspot"),
        Key(
            "signed",
            Choice(SIGNED),
            "How it is proved who posts: `hubspot` or `standard` (Standard Webhooks), by a signature; `bearer` or "
            "`basic`, by a header that holds the secret.",
            "standard",
        ),
        Key("each", PATH, "Where the list of things stands; without it, the body is one, or a list of them.", "items"),
        Key(
            "only",
            _CONDITIONS,
            "By path, what must stand there for a thing to concern us: a text, one that ends in `*`, or several.",
            "{object: contact}",
        ),
        Key(
            "property",
            Block("crm.property"),
            "Where the name of the property stands that changed, and its value: it is read as if it stood at the top.",
            "{name: propertyName, value: propertyValue}",
        ),
        Key("email", PATH, "Where the lead's address stands.", "contact.email"),
        Key("contact", PATH, "Where the contact's id stands, for what does not name an address.", "contact.id"),
        Key("key", PATH, "Where it stands what is the same for a repeat; without it, the whole thing is.", "id"),
        Key(
            "once",
            Named(NAME, PATH),
            "By event, where the id stands of what it happens to once, however often that is edited and told of later.",
            "{call_logged: activity.id}",
        ),
        Key("at", PATH, "Where it stands when it happened; without it, when it came.", "occurred_at"),
        Key("rep", PATH, "Where it stands who called or met: an address, or the `crm` of a rep.", "user.email"),
        Key("note", PATH, "Where a note stands.", "activity.note"),
        Key(
            "events",
            Named(NAME, _CONDITIONS),
            "Our events, and by path what must stand there for each.",
            "{deal_won: {type: deal, status: won}, call_logged: {type: call}}",
        ),
        Key(
            "fields", Named(NAME, PATH), "Our fields, and where their values stand.", "{stage: contact.lifecycle_stage}"
        ),
    ),
    "crm.property": (
        Key("name", PATH, "Where its name stands.", "propertyName", True),
        Key("value", PATH, "Where its value stands.", "propertyValue", True),
    ),
}

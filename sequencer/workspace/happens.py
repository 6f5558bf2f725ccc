"""Behaviour that conditions ask about and that never comes: forms and events whose names are nearly those that are
declared, pages that are no paths.

Other systems tell of forms and events by the API, and those are declared nowhere: so these are warnings.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from sequencer.core import event as kinds
from sequencer.core.condition import Condition
from sequencer.core.condition_calls import Call, Given, calls
from sequencer.core.halts import TOUCHES
from sequencer.core.mark import Problem
from sequencer.core.workspace import Workspace
from sequencer.workspace.forms import FORMS_FILE
from sequencer.workspace.nodes import did_you_mean

_ALIKE: Final = 0.85
"""From here on two names of events are one, mistyped: `meeting_moved` and `meeting_booked` are 0.81 alike."""
_TURNED: Final = re.compile(r"(?<![a-z])(?:dis|re|un)(?=[a-z])")
"""What makes another word of one: who is `subscribed` is not `unsubscribed`."""
_PATHS: Final = ("/", "*", "?", "[")
"""What a page may begin with, as visits tell of pages by their path; the rest stands for any text."""


def check_happens(workspace: Workspace) -> Iterator[Problem]:
    """Warnings. The workspace is whole."""
    events = frozenset(_events(workspace))
    for condition in _conditions(workspace):
        for call in calls(condition):
            if call.given:
                yield from _asked(call, workspace, events)
    for sequence in workspace.sequences.values():
        for trigger in sequence.enroll:
            named = Given(trigger.name, trigger.mark)
            if trigger.kind == "submitted":
                yield from _form(named, workspace)
            elif trigger.kind in ("did", "silent"):
                yield from _event(named, events)


def _conditions(workspace: Workspace) -> Iterator[Condition]:
    yield from workspace.audiences.values()
    yield from workspace.never
    if workspace.signals is not None:
        yield from workspace.signals.behaviours.values()
        yield from (one.condition for one in workspace.signals.fit)
        yield from workspace.signals.conditions()
    for sequence in workspace.sequences.values():
        yield from sequence.conditions()
        yield from (trigger.condition for trigger in sequence.enroll if trigger.condition is not None)


def _events(workspace: Workspace) -> Iterator[str]:
    """Those that this system makes, and that the workspace says will be told of."""
    yield from kinds.BUILT_IN - kinds.DELIVERY
    yield from TOUCHES
    yield from (form.event for form in workspace.forms.values() if form.event is not None)
    for webhook in workspace.crm.webhooks.values() if workspace.crm is not None else ():
        yield from webhook.events


def _asked(call: Call, workspace: Workspace, events: frozenset[str]) -> Iterator[Problem]:
    match call.name:
        case "submitted":
            yield from _form(call.given[0], workspace)
        case "did":
            yield from _event(call.given[0], events)
        case "visited":
            yield from _page(call.given[0])


def _form(named: Given, workspace: Workspace) -> Iterator[Problem]:
    if named.text not in workspace.forms and (hint := did_you_mean(named.text, workspace.forms)):
        message = f"{FORMS_FILE} declares no form `{named.text}`{hint}"
        yield Problem(named.mark, "unknown-form", message, "warning")


def _event(named: Given, events: frozenset[str]) -> Iterator[Problem]:
    if not kinds.is_name(named.text):
        told = f"no event is called `{named.text}`: expected {kinds.EXAMPLE}"
        yield Problem(named.mark, "unknown-event", told, "warning")
    if named.text in events:
        return
    for close in get_close_matches(named.text, sorted(events), 1, _ALIKE):
        if _TURNED.sub("", close) != _TURNED.sub("", named.text):
            message = (
                f"nothing here tells of the event `{named.text}`, did you mean `{close}`? "
                "Leave it as it is if another system sends it"
            )
            yield Problem(named.mark, "unknown-event", message, "warning")


def _page(named: Given) -> Iterator[Problem]:
    if not named.text.startswith(_PATHS):
        message = f'a page is a path, as `visited("{_path_of(named.text)}")`: nobody ever visited `{named.text}`'
        yield Problem(named.mark, "always-false", message, "warning")


def _path_of(page: str) -> str:
    """What was meant by an address, or by a path without a slash."""
    scheme, found, rest = page.partition("://")
    return f"/{rest.partition('/')[2] if found else scheme}"

"""One mail as one lead gets it. Pure: everything is a parameter."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from sequencer.core.content import Content
from sequencer.core.lead import Rep, Sender
from sequencer.core.mail import Skeleton, join
from sequencer.core.sequence import Sequence
from sequencer.core.workspace import Workspace
from sequencer.preview.readers import Reader
from sequencer.rendering.environment import Mode, one_line
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.prepare import prepare
from sequencer.rendering.scope import Scope
from sequencer.rendering.slots import Parts, split
from sequencer.rendering.view import Letterhead, Pages, View
from sequencer.services.conversation import AGAIN

TOKEN: Final = "preview"
"""In place of a lead's link token; no site takes it for one."""
SNIPPET: Final = 200
"""Characters of the text that an inbox shows at most where a mail has no preheader."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A rendered mail. `skeleton` and `values` are what a provider takes."""

    sender: Sender | Rep
    subject: str
    preheader: str
    html: str
    text: str
    skeleton: Skeleton
    values: tuple[str, ...]


def view_of(workspace: Workspace, reader: Reader, sequence: Sequence | None, page: str) -> View:
    """What the templates see. `page` stands for the reader's own pages, to unsubscribe and to choose."""
    owner = workspace.reps.get(reader.lead.owner or "")
    return View(
        lead=reader.lead,
        company=reader.company,
        owner=owner,
        sender=_sender(workspace, sequence, owner),
        letterhead=Letterhead(workspace.brand, Pages.all_at(page)),
        link_token=TOKEN,
    )


def waits_for_owner(workspace: Workspace, reader: Reader, sequence: Sequence | None) -> bool:
    """Whether the mail would not go, as it comes from the lead's rep and the lead has none."""
    owned = sequence is not None and sequence.sender == "owner"
    return owned and workspace.owner.missing == "hold" and reader.lead.owner not in workspace.reps


def _sender(workspace: Workspace, sequence: Sequence | None, owner: Rep | None) -> Sender | Rep:
    """As `services.compose` has it; somebody there is in its place where the mail would wait for an owner."""
    anybody: tuple[Sender | Rep, ...] = (*workspace.senders.values(), *workspace.reps.values())
    fallback = anybody[0] if anybody else Sender("", workspace.brand.name, "")
    if sequence is None:
        return fallback
    if sequence.sender == "owner":
        return owner or workspace.senders.get(workspace.owner.missing) or next(iter(workspace.reps.values()), fallback)
    return workspace.senders.get(sequence.sender, fallback)


def rendered(content: Content, view: View, answered: Content | None = None) -> Mail:
    """Raises RenderingFailed. `answered`: what began the conversation that the mail goes on in."""
    prepared = prepare(content, view.letterhead)
    values = prepared.values(view)
    skeleton = prepared.skeleton
    subject = subject_of(content, view, answered)
    if answered is not None:
        skeleton = replace(skeleton, subject=(subject,))
    return Mail(
        sender=view.sender,
        subject=subject,
        preheader=line(content.preheader, view),
        html=join(skeleton.html, values),
        text=join(skeleton.text, values),
        skeleton=skeleton,
        values=values,
    )


def subject_of(content: Content, view: View, answered: Content | None = None) -> str:
    """As `services.conversation` has it when the mails before went. Raises RenderingFailed."""
    if answered is None:
        return line(content.subject, view)
    return f"{AGAIN}{line(answered.subject, view).removeprefix(AGAIN)}"


def snippet(text: str) -> str:
    """What an inbox shows of a mail without a preheader."""
    return " ".join(text.split())[:SNIPPET]


def line(template: str, view: View) -> str:
    """Subject or preheader. Raises RenderingFailed."""
    try:
        scope = Scope(view, {}, {})
        found = "".join(
            [part if isinstance(part, str) else part.fill(scope) for part in _split(template, view.letterhead)]
        )
    except Exception as error:
        # Whatever a template does wrong with one lead's data; `check` says what.
        raise RenderingFailed("subject", str(error) or type(error).__name__) from error
    return one_line(found).strip()


@lru_cache(maxsize=8192)
def _split(template: str, letterhead: Letterhead) -> Parts:
    return split(template, Mode.HEADER, letterhead, {}, {})

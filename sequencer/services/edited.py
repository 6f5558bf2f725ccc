"""Mails that a rep looks at before they go: as they would read, and with what the rep wrote into them.

What reads Markdown and compiles is imported when it is needed: few mails are written into, and every worker that starts
would import it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from sequencer.core.content import Content
from sequencer.core.decision import Send
from sequencer.core.lead import Company, Lead, Rep, Sender
from sequencer.core.mail import join
from sequencer.core.release import Release
from sequencer.rendering.errors import Unfit
from sequencer.rendering.names import TemplateNames
from sequencer.rendering.prepare import prepare
from sequencer.rendering.view import Letterhead, Pages, View
from sequencer.store.reviews import Edit
from sequencer.workspace.load import parts_of

if TYPE_CHECKING:
    from sequencer.rendering.edit import Draft, Files

TOKEN = "review"
"""In place of the lead's link token in what reps are shown; no site takes it for one, so no click counts as the lead's.
"""


def content(release: Release, lead: Lead, edit: Edit) -> Content:
    """The item as the rep wrote it. Raises Unfit, also when the release cannot carry any more what was fit before."""
    from sequencer.rendering.edit import written

    item = release.contents.get(edit.content)
    if item is None:
        raise Unfit(f"{edit.content} is gone, and with it what the rep wrote into it")
    return written(files(release, item, lead), edit.subject, edit.body)


def about(send: Send, edit: Edit) -> Send:
    """The content that the rep wrote into, also when the step has another by now."""
    return send._replace(step=replace(send.step, content=edit.content))


def files(release: Release, item: Content, lead: Lead) -> "Files":
    """What the mail of this lead is made of."""
    from sequencer.rendering.edit import Files

    read = item.read_in(lead.get("language"))
    language = next((name for name, one in (item.variants or {}).items() if one is read), "")
    own = release.copy_of(item.id)
    return Files(
        read,
        own.files[read.file],
        parts_of(own.files, "layouts"),
        parts_of(own.files, "partials"),
        TemplateNames(fields=frozenset(own.workspace.fields)),
        language,
    )


def view(release: Release, lead: Lead, company: Company | None, owner: Rep | None, sender: Sender | Rep) -> View:
    """What the mail sees of the lead. Pages of the lead's own are not for reps: these lead to somewhere harmless."""
    brand = release.workspace.brand
    return View(lead, company, owner, sender, Letterhead(brand, Pages.all_at(f"{brand.url}#review")), TOKEN)


def reads(item: Content, seen: View, keep: bool = True) -> tuple[str, str]:
    """Subject and text of the mail. Raises RenderingFailed."""
    prepared = prepare(item, seen.letterhead, keep)
    values = prepared.values(seen)
    return prepared.subject(values), join(prepared.skeleton.text, values)


def first_draft(release: Release, item: Content, seen: View) -> "Draft":
    """What the rep may change. Raises RenderingFailed."""
    from sequencer.rendering.edit import draft

    return draft(files(release, item, seen.lead), seen)

"""sequences/forms.yaml: forms, what they give access to, and the mails that they bring along."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from sequencer.core.codes import Code
from sequencer.core.content import Content
from sequencer.core.country import code_of
from sequencer.core.duration import Duration
from sequencer.core.form import TRANSACTIONAL, DoubleOptIn, Form
from sequencer.core.mark import Problem
from sequencer.core.questions import BUILT_IN, worth
from sequencer.core.sequence import Arm, Email, Sequence, SequenceState, Trigger
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.load import MAGNETS, content_files, sequence_files
from sequencer.workspace.nodes import Map, Node, Problems, Text, as_map, as_texts, did_you_mean
from sequencer.workspace.parse import parse
from sequencer.workspace.settings import WORKSPACE_FILE

FORMS_FILE: Final = "sequences/forms.yaml"
AGAIN: Final = Duration(1, "hour")
"""Somebody who asks twice has lost the first mail; and nobody can have a stranger mailed without end."""


def load_forms(
    files: Mapping[str, str], workspace: Workspace, contents: Mapping[str, Content], given: Mapping[str, Sequence]
) -> tuple[Workspace, tuple[Problem, ...]]:
    """The workspace with its sequences, its forms, if there are any, and the mails that these bring along."""
    whole = replace(workspace, sequences=given)
    if FORMS_FILE not in files:
        return whole, ()
    problems = Problems()
    root = as_map(parse(FORMS_FILE, files[FORMS_FILE], problems), "forms with a name each, as `ebook:`")
    reader = _Reader(files, workspace, contents, problems)
    forms = {form.id: form for form in reader.forms(root)} if root is not None else {}
    worths = worth(whole, contents)
    forms = {name: replace(form, worth=worths) for name, form in forms.items()}
    brought = {one.id: one for form in forms.values() for one in mailings(form, workspace)}
    return replace(whole, sequences={**brought, **given}, forms=forms), problems.sorted()


def mailings(form: Form, workspace: Workspace) -> tuple[Sequence, ...]:
    """The sequences of one mail each that a form brings along."""
    found = []
    if form.deliver is not None:
        trigger = Trigger("submitted", form.mark, form.id)
        found.append(_mailing(form, form.delivery, f"{form.title}: delivery", form.deliver, trigger, workspace))
    if form.confirm is not None:
        trigger = Trigger("manual", form.mark)
        found.append(_mailing(form, form.confirmation, "Is this your address?", form.confirm, trigger, workspace))
    return tuple(found)


def _mailing(form: Form, name: str, title: str, content: str, trigger: Trigger, workspace: Workspace) -> Sequence:
    """At any hour and free of caps: somebody waits for it."""
    return Sequence(
        id=name,
        mark=form.mark,
        title=title,
        state=SequenceState.LIVE,
        topic=TRANSACTIONAL,
        sender=form.sender,
        body=Arm("", (Email(content.rpartition("/")[2], form.mark, (), content),)),
        enroll=(trigger,),
        again=AGAIN,
        never=workspace.never,
        exempt=True,
    )


class _Reader:
    """Reads one form after another; what is wrong in one does not keep the others from being read."""

    def __init__(
        self, files: Mapping[str, str], workspace: Workspace, contents: Mapping[str, Content], problems: Problems
    ) -> None:
        self._files = files
        self._workspace = workspace
        self._contents = contents
        self._mails = frozenset(contents) | frozenset(content_files(files))
        self._sequences = sequence_files(files)
        self._askable = (*BUILT_IN, *workspace.fields)
        self._problems = problems

    def forms(self, root: Map) -> Iterator[Form]:
        for name, node in root.items():
            block = as_map(node, "keys, as `title:` and `always:`")
            if values.identifier(name, "a form") is not None and block is not None:
                yield self._form(name, block)

    def _form(self, name: Text, block: Map) -> Form:
        block.expect("form")
        title = block.need_text("title", "Get the planning handbook")
        always = self._fields(block, "always")
        message = block.text("message")
        deliver, confirm = (self._content(block.text(key)) for key in ("deliver", "confirm"))
        magnet = self._magnet(block.text("magnet"))
        if magnet is not None:
            address = magnet if not magnet.startswith(MAGNETS) else ""
            self._warn_without(block, "deliver", "no-download", "download_url", "gets what was asked for", address)
        self._warn_without(block, "confirm", "no-confirm", "confirm_url", "can confirm the address")
        asked = self._double_opt_in(block)
        if asked is not None and "confirm" not in block.entries:
            text = "an address is confirmed by a mail: expected `confirm`, for example `confirm: education/confirm`"
            self._problems.error(block.entries["double_opt_in"].mark, "missing-key", text)
        form = Form(
            id=name.value,
            mark=name.mark,
            title=title.value if title else name.value,
            always=tuple(dict.fromkeys(("email", *always))),
            ask=self._fields(block, "ask"),
            ask_up_to=values.count(block.text("ask_up_to")) or 0,
            order=self._order(block),
            message=message.value if message else "",
            work_mail=values.flag(block.text("work_mail")) or False,
            topic=values.declared(block.text("topic"), self._workspace.topics, "topic", WORKSPACE_FILE),
            sender=self._sender(name, block, deliver, confirm),
            magnet=magnet,
            deliver=deliver,
            confirm=confirm,
            double_opt_in=asked,
            event=self._event(block.text("event")),
            enroll=values.declared(block.text("enroll"), self._sequences, "sequence", "the folder sequences/"),
            tells=values.choice(block.text("tell"), ("owner",)) is not None,
        )
        brought = {one.id for one in mailings(form, self._workspace)}
        for taken in sorted(brought & self._sequences.keys()):
            text = f"what this form mails is called `{taken}`, as {self._sequences[taken]} is: rename one of them"
            name.wrong("duplicate-id", text)
        return form

    def _fields(self, block: Map, key: str) -> tuple[str, ...]:
        return self._named(block.take(key))

    def _named(self, node: Node | None) -> tuple[str, ...]:
        found = (
            values.declared(text, self._askable, "field", WORKSPACE_FILE)
            for text in as_texts(node, "a list of fields, as `[email, first_name]`")
        )
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def _order(self, block: Map) -> tuple[str, ...] | None:
        node = block.take("order")
        if node is None or (isinstance(node, Text) and values.choice(node, ("by value",)) is not None):
            return None
        return self._named(node) if not isinstance(node, Text) else None

    def _content(self, text: Text | None) -> str | None:
        return values.declared(text, self._mails, "content", "the folder content/")

    def _warn_without(self, block: Map, key: str, code: Code, name: str, what_for: str, or_else: str = "") -> None:
        """Warns where a mail, or what it is in another language, lacks the link that it is mailed for."""
        entry = block.entries.get(key)
        mail = self._contents.get(entry.node.value) if entry is not None and isinstance(entry.node, Text) else None
        if entry is None or mail is None:
            return
        for one in (mail, *(mail.variants or {}).values()):
            if not one.names(name) and not (or_else and one.names(or_else)):
                message = (
                    f"{one.file} has no link to `{{{{ {name} }}}}`, so nobody {what_for}: "
                    f"write one there, as `[…]({{{{ {name} }}}})`"
                )
                self._problems.warning(entry.node.mark, code, message)

    def _sender(self, name: Text, block: Map, *mails: str | None) -> str:
        text = block.text("from")
        senders = self._workspace.senders
        if text is not None:
            return values.declared(text, senders, "sender", WORKSPACE_FILE) or ""
        if len(senders) != 1 and any(mails):
            example = next(iter(senders), "marketing")
            self._problems.error(
                name.mark, "missing-key", f"expected the key `from`: who mails, for example `from: {example}`"
            )
        return next(iter(senders), "")

    def _magnet(self, text: Text | None) -> str | None:
        if text is None:
            return None
        if text.value.startswith(("https://", "http://")):
            return values.url(text)
        if text.value in self._files and text.value.startswith(MAGNETS):
            return text.value
        known = [path for path in self._files if path.startswith(MAGNETS)]
        hint = did_you_mean(text.value, known) or f": put it into {MAGNETS}"
        text.wrong("missing-file", f"there is no file {text.got}{hint}")
        return None

    def _double_opt_in(self, block: Map) -> DoubleOptIn | None:
        node = block.take("double_opt_in")
        if node is None:
            return None
        if isinstance(node, Text):
            return DoubleOptIn() if values.flag(node) else None
        keys = as_map(node, "`on`, or `countries`")
        if keys is None:
            return None
        keys.expect("double_opt_in")
        countries = set()
        for text in as_texts(keys.need("countries", "[DE, AT]"), "a list of countries"):
            code = code_of(text.value) if len(text.value) == 2 else None
            if code is not None:
                countries.add(code)
            else:
                text.bad("a country's code as `DE`")
        return DoubleOptIn(frozenset(countries))

    def _event(self, text: Text | None) -> str | None:
        if text is None:
            return None
        if values.SNAKE.fullmatch(text.value):
            return text.value
        text.bad("an event in small letters and underscores, as `demo_requested`", "bad-id")
        return None

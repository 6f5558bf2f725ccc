"""A workspace as it was found at one moment, and what pages ask of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sequencer.core.content import Content
from sequencer.core.mark import Problem
from sequencer.core.sequence import Email, Rounds, contents_of
from sequencer.core.sequence import Sequence as Series
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidInput
from sequencer.preview import mail
from sequencer.preview.readers import Reader
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.view import View
from sequencer.workspace.load import content_files, variant_files


@dataclass(frozen=True)
class Sheet:
    """Nothing in it changes. `number` counts them.

    A content in another language is an item of its own here, as it has a file of its own: `sales/pricing.de`.
    """

    number: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    workspace: Workspace | None = None
    """What could be read of the declarations and sequences, now or, with a mistake in the declarations, before."""
    contents: Mapping[str, Content] = field(default_factory=dict)
    """By item, all that compile, and what became of the others when they last did."""
    old: frozenset[str] = frozenset()
    """Items that have mistakes now and are shown as they were before."""
    problems: tuple[Problem, ...] = ()
    unreadable: str = ""
    """Why the folder cannot be read at all."""
    examples: tuple[Reader, ...] = ()

    @cached_property
    def items(self) -> Mapping[str, str]:
        """The file of each item, whether it compiles or not; those in other languages behind the one without."""
        found = {item: paths[0] for item, paths in content_files(self.files).items()}
        for item, languages in variant_files(self.files).items():
            found |= {f"{item}.{language}": paths[0] for language, paths in languages.items()}
        return dict(sorted(found.items()))

    @cached_property
    def _bases(self) -> Mapping[str, str]:
        named = variant_files(self.files).items()
        return {f"{item}.{language}": item for item, languages in named for language in languages}

    def base_of(self, item: str) -> str:
        """What an item is in another language; itself when it is not."""
        return self._bases.get(item, item)

    def variants_of(self, item: str) -> tuple[str, ...]:
        """The item in other languages."""
        return tuple(variant for variant, base in self._bases.items() if base == item)

    def item_for(self, item: str, reader: Reader) -> str:
        """The item in the language that a lead gets it in."""
        content = self.contents.get(self.base_of(item))
        return content.read_in(reader.lead.get("language")).id if content is not None else item

    @cached_property
    def broken(self) -> frozenset[str]:
        """Files with errors."""
        return frozenset(problem.mark.file for problem in self.problems if problem.severity == "error")

    @cached_property
    def _by_file(self) -> Mapping[str, Sequence[Problem]]:
        found: dict[str, list[Problem]] = {}
        for problem in self.problems:
            found.setdefault(problem.mark.file, []).append(problem)
        return found

    def problems_of(self, file: str) -> tuple[Problem, ...]:
        return tuple(self._by_file.get(file, ()))

    @cached_property
    def _mailing(self) -> Mapping[str, Sequence[Series]]:
        found: dict[str, list[Series]] = {}
        for series in self.workspace.sequences.values() if self.workspace else ():
            for item in mailed(series):
                found.setdefault(item, []).append(series)
        return found

    def sequences_with(self, item: str) -> tuple[Series, ...]:
        """The sequences that mail it, in the order of their names."""
        return tuple(self._mailing.get(self.base_of(item), ()))

    def answered(self, item: str) -> Content | None:
        """What began the conversation that a mail goes on in; None when it begins one itself."""
        base = self.base_of(item)
        for series in self.sequences_with(item)[:1]:
            for email in series.emails():
                *_, first = "", *series.conversation(email)
                begun = series.steps.get(first)
                if email.content == base and isinstance(begun, Email):
                    same = begun.content + item.removeprefix(base)
                    return self.contents.get(same) or self.contents.get(begun.content)
        return None

    def view(self, item: str, reader: Reader, page: str) -> View | None:
        """What the templates of a mail see; None before the declarations could be read. `page`: as `view_of` has it."""
        series = self.sequences_with(item)
        return mail.view_of(self.workspace, reader, series[0] if series else None, page) if self.workspace else None

    def mail(self, item: str, reader: Reader, page: str) -> mail.Mail:
        """The mail as it would go now. Raises InvalidInput when it cannot be made."""
        seeing, content = self.view(item, reader, page), self.contents.get(item)
        if seeing is None or content is None or item in self.old:
            raise InvalidInput(f"{item} has mistakes: mend them first")
        try:
            return mail.rendered(content, seeing, self.answered(item))
        except RenderingFailed as error:
            raise InvalidInput(f"{item} cannot be made for {reader.label}: {error.what}") from error


def mailed(sequence: Series) -> tuple[str, ...]:
    """The contents that a sequence may mail, in the order of its file, each once."""
    found: dict[str, None] = {}
    for step in sequence.steps.values():
        if isinstance(step, Email | Rounds) and step.pick is not None:
            found |= dict.fromkeys(contents_of(step.pick))
        elif isinstance(step, Email):
            found[step.content] = None
    return tuple(found)


def flat(contents: Mapping[str, Content]) -> dict[str, Content]:
    """By item: what is the same in other languages stands beside the others."""
    variants = {one.id: one for content in contents.values() for one in (content.variants or {}).values()}
    return {**contents, **variants}

"""What the workspace is at the moment: compiled anew when a file changed, and only what changed.

Whatever is wrong with the files, the last that compiled stays on the table, so that a mail does not vanish from the
page while somebody types.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from sequencer.core.lead_input import InvalidLead
from sequencer.core.shelf import BARE, Shelf
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidWorkspace
from sequencer.preview import readers
from sequencer.preview.readers import NOBODY, Reader
from sequencer.preview.sheet import Sheet, flat
from sequencer.preview.watch import Print, fingerprint
from sequencer.rendering.names import TemplateNames
from sequencer.services.compile import Compiled, compile_workspace
from sequencer.services.contents import compile_contents
from sequencer.services.shelves import Memory
from sequencer.workspace.load import APART, read_files

_PARTS: Final = tuple(f"content/{folder}/" for folder in APART)


class Desk:
    """Keeps the sheet up to date and tells whoever listens."""

    def __init__(self, folder: Path, reader: str = "", shelf: Shelf = BARE) -> None:
        """`reader`: the key of the one who reads when a page names nobody; else the first of the examples.
        `shelf`: what earlier runs compiled.
        """
        self.folder: Final = folder.resolve()
        self._reader = reader
        self.sheet = Sheet()
        self._print: Print | None = None
        self._due: Mapping[str, str] | None = None
        """Files that were read and not checked yet."""
        self._shelf = Memory(shelf)
        self._lock = threading.RLock()
        self._checking = threading.Lock()
        self._read_examples: tuple[object, tuple[Reader, ...]] | None = None
        """Those of the last time, and all that they depend on."""
        self._pasted: Reader | None = None
        self._listeners: set[Callable[[], None]] = set()
        self.looked_at = ""
        """The mail that somebody has open, or had last."""
        self.over = False
        """Nobody should listen any more: the preview ends."""

    def look(self) -> None:
        """Compiles what changed since the last look, and returns when the sheet shows all of it."""
        self.glance()
        self.check()

    def glance(self) -> None:
        """Reads the files when any of them changed. When only mails did, shows them; `check` does the rest."""
        with self._lock:
            now = self.fingerprint()
            if now == self._print:
                return
            self._print = now
            self._due = None
            try:
                self._due = read_files(self.folder)
            except InvalidWorkspace as error:
                self._show(replace(self.sheet, unreadable=str(error)))
                return
            with self._surprised():
                self._show_mails(self._due)

    def check(self) -> None:
        """Compiles all that a glance has left over, and finds every problem.

        Glances go on meanwhile: what is saved while it works is shown at once, and checked by the next one.
        """
        with self._checking, self._surprised():
            with self._lock:
                files, self._due, of = self._due, None, self._print
            if files is None:
                return
            self._shelf.round()
            # Several processes at the start only: later there are threads, which a fork would not take along.
            processes = 1 if self.sheet.number else os.cpu_count() or 1
            compiled = compile_workspace(files, shelf=self._shelf, processes=processes)
            with self._lock:
                if self._print == of:
                    self._show_all(files, compiled)

    @contextmanager
    def _surprised(self) -> Iterator[None]:
        """Nothing that is admitted raises; should anything ever, the page says so and goes on looking."""
        try:
            yield
        except Exception as error:
            said = f"a mistake of ours, please report it: {type(error).__name__}: {error}"
            with self._lock:
                self._show(replace(self.sheet, unreadable=said))

    def _show(self, sheet: Sheet) -> None:
        self.sheet = replace(sheet, number=self.sheet.number + 1)
        self.tell()

    def fingerprint(self) -> Print:
        return fingerprint(self.folder, (readers.EXAMPLES,))

    def tell(self) -> None:
        """Something that pages show is another."""
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """It is called from any thread, and must not take long."""
        self._listeners.add(listener)

    def leave(self, listener: Callable[[], None]) -> None:
        self._listeners.discard(listener)

    def leave_all(self) -> None:
        """Tells those who listen that the preview ends."""
        self.over = True
        self.tell()

    def _show_all(self, files: Mapping[str, str], compiled: Compiled) -> None:
        last = self.sheet
        contents = flat(compiled.contents)
        workspace = compiled.draft or last.workspace
        found = Sheet(
            number=last.number,
            files=files,
            workspace=workspace,
            problems=compiled.problems,
            examples=self._examples(workspace) if workspace else (),
        )
        before = {item: content for item, content in last.contents.items() if item in found.items}
        found = replace(found, contents={**before, **contents}, old=frozenset(before) - frozenset(contents))
        if found != last or not last.number:
            self._show(found)

    def _show_mails(self, files: Mapping[str, str]) -> None:
        """When nothing but content changed, shows the mails that did and, with a layout, the one that is looked at."""
        last = self.sheet
        changed = {name for name in {*files, *last.files} if files.get(name) != last.files.get(name)}
        if last.workspace is None or not changed or not changed <= {name for name in last.files if name in files}:
            return
        if any(not name.startswith("content/") for name in changed):
            return
        parts = any(name.startswith(_PARTS) for name in changed)
        # All languages of a mail are compiled together.
        bases = {last.base_of(item) for item, file in last.items.items() if file in changed}
        bases |= {last.base_of(self.looked_at)} if parts else set()
        mails = {item: file for item, file in last.items.items() if last.base_of(item) in bases}
        some = {name: text for name, text in files.items() if name in mails.values() or name.startswith(_PARTS)}
        compiled, problems = compile_contents(some, TemplateNames(frozenset(last.workspace.fields)), self._shelf)
        contents = flat(compiled)
        others = tuple(problem for problem in last.problems if problem.mark.file not in changed)
        made, had = frozenset(contents), frozenset(last.contents)
        shown = replace(
            last,
            files=files,
            contents={**last.contents, **contents},
            old=(last.old - made) | (frozenset(mails) & had - made),
            problems=tuple(sorted({*others, *problems})),
            unreadable="",
        )
        self._show(shown)

    def _examples(self, workspace: Workspace) -> tuple[Reader, ...]:
        """Read again only when the file, or what it may hold, is another: it takes longer than compiling a mail."""
        try:
            text = (self.folder / readers.EXAMPLES).read_text("utf-8", "replace")
        except OSError:
            text = ""
        depends = (text, workspace.fields, workspace.stages, workspace.statuses)
        if self._read_examples is None or self._read_examples[0] != depends:
            self._read_examples = depends, readers.examples(text, workspace)
        return self._read_examples[1]

    def paste(self, text: str) -> Reader:
        """Keeps a lead to read as, until the next one. Raises InvalidLead."""
        if self.sheet.workspace is None:
            raise InvalidLead(["sequences/workspace.yaml has mistakes: nobody can say which fields there are"])
        self._pasted = readers.pasted(text, self.sheet.workspace)
        return self._pasted

    def readers(self) -> tuple[Reader, ...]:
        """As whom mails can be read."""
        pasted = (self._pasted,) if self._pasted is not None else ()
        return (*pasted, *self.sheet.examples, NOBODY)

    def reader(self, key: str) -> Reader:
        """The reader of that key, else the one of the start, else the first of the examples."""
        found = {reader.key: reader for reader in self.readers()}
        return found.get(key) or found.get(self._reader) or (*self.sheet.examples, NOBODY)[0]

"""The pages of the preview: all mails as an inbox shows them, one mail in every light, problems, proposals."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from sequencer.core.content import Content
from sequencer.core.mark import Problem
from sequencer.core.sequence import Sequence as Series
from sequencer.errors import InvalidInput
from sequencer.preview import dark, mail, marks, propose, save
from sequencer.preview.conditions import Condition, conditions_of, lines_of
from sequencer.preview.courier import Courier
from sequencer.preview.desk import Desk
from sequencer.preview.pages import page
from sequencer.preview.readers import Reader
from sequencer.preview.sheet import Sheet, mailed
from sequencer.rendering.assemble import file_text
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.view import View

VIEWS: Final = ("desktop", "phone", "text", "source")
ALIVE: Final = 15.0
"""Seconds after which a page that heard nothing is told that we are there."""


class Row(NamedTuple):
    """A mail as the list shows it."""

    item: str
    file: str
    subject: str
    preheader: str
    problems: tuple[Problem, ...]
    old: bool


@dataclass(frozen=True, slots=True)
class Door:
    """Each method answers one route of `app.build`."""

    desk: Desk
    courier: Courier
    url: str
    """Where we are reached, without a slash at the end."""
    sends: bool
    """Whether a provider is configured."""

    def index(self, request: Request) -> Response:
        sheet, reader = self.desk.sheet, self._reader(request)
        shown = sheet.items if sheet.workspace else {}
        rows = {item: self._row(sheet, reader, item, file) for item, file in shown.items()}
        groups: list[tuple[str, Series | None, list[Row]]] = []
        left = dict(rows)
        for series in sheet.workspace.sequences.values() if sheet.workspace else ():
            items = (one for item in mailed(series) for one in (item, *sheet.variants_of(item)))
            of_series = [rows[item] for item in items if item in rows]
            for row in of_series:
                left.pop(row.item, None)
            groups.append((series.title, series, of_series))
        if left:
            groups.append(("In no sequence" if groups else "Mails", None, list(left.values())))
        return self._page(request, "index.html", "mails", groups=groups)

    def one(self, request: Request) -> Response:
        sheet, reader = self.desk.sheet, self._reader(request)
        item, file = self._item(request)
        view = request.query_params.get("view", "desktop")
        series = sheet.sequences_with(item)
        made, failed = self._made(sheet, reader, item)
        editable, seen = self._editable(file)
        source = file_text(file, sheet.files[file])
        seeing = sheet.view(item, reader, f"{self.url}/reader")
        conditions = conditions_of(source, seeing) if seeing else ()
        items = list(sheet.items)
        at = items.index(item)
        problems = sheet.problems_of(file)
        return self._page(
            request,
            "mail.html",
            "mails",
            item=item,
            file=file,
            view=view if view in VIEWS else "desktop",
            gets=sheet.item_for(item, reader),
            series=series,
            made=made,
            failed=failed,
            old=item in sheet.old,
            answered=sheet.answered(item),
            waits=sheet.workspace and mail.waits_for_owner(sheet.workspace, reader, series[0] if series else None),
            preheader=made and (made.preheader or mail.snippet(made.text)),
            knows_dark=made and dark.knows_dark(made.html),
            lines=lines_of(source, seeing, problems) if view == "source" else (),
            conditions=conditions,
            around=_around(conditions, sheet.contents.get(item), seeing),
            problems=problems,
            elsewhere=sum(problem.mark.file != file for problem in sheet.problems),
            editable=editable,
            seen=seen,
            before=items[at - 1] if at else "",
            after=items[at + 1] if at + 1 < len(items) else "",
        )

    def frame(self, request: Request) -> Response:
        """A mail's HTML as it would arrive, for the frame of the page."""
        sheet, reader = self.desk.sheet, self._reader(request)
        item, _ = self._item(request)
        self.desk.looked_at = item
        made, failed = self._made(sheet, reader, item, marked="marks" in request.query_params)
        if made is None:
            raise HTTPException(404, failed or "This mail cannot be shown.")
        html = dark.shown(made.html, "dark" in request.query_params)
        # A link opens a page of its own: in the frame, other sites would not let themselves be shown.
        return HTMLResponse(html.replace("<head>", '<head><base target="_blank">', 1))

    def problems(self, request: Request) -> Response:
        sheet = self.desk.sheet
        files: dict[str, list[tuple[Problem, str]]] = {}
        for problem in sheet.problems:
            files.setdefault(problem.mark.file, []).append((problem, _line(sheet.files, problem)))
        by_file = {file: item for item, file in sheet.items.items()}
        return self._page(request, "problems.html", "problems", files=files, items=by_file)

    def proposals(self, request: Request) -> Response:
        try:
            changes, refused = propose.changes(self.desk.folder), ""
        except InvalidInput as error:
            changes, refused = (), str(error)
        return self._page(request, "propose.html", "propose", changes=changes, refused=refused)

    def reader_page(self, request: Request) -> Response:
        """Where a lead's own pages would be, to unsubscribe and to choose."""
        return page(request, "reader.html")

    async def events(self, request: Request) -> Response:
        """Tells the page, as long as it is open, that something is another than it was."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def told() -> None:
            loop.call_soon_threadsafe(news.set)

        async def stream() -> AsyncIterator[str]:
            self.desk.listen(told)
            try:
                # What the page shows may be older than this connection.
                yield f"retry: 1000\ndata: {self.desk.sheet.number}\n\n"
                while not self.desk.over:
                    try:
                        await asyncio.wait_for(news.wait(), ALIVE)
                        news.clear()
                        yield f"data: {self.desk.sheet.number}\n\n"
                    except TimeoutError:
                        yield ": still here\n\n"
            finally:
                self.desk.leave(told)

        return StreamingResponse(stream(), media_type="text/event-stream")

    def _page(self, request: Request, name: str, section: str, **values: Any) -> Response:
        sheet = self.desk.sheet
        return page(
            request,
            name,
            section=section,
            brand=sheet.workspace.brand.name if sheet.workspace else "",
            sheet=sheet,
            errors=sum(problem.severity == "error" for problem in sheet.problems),
            warnings=sum(problem.severity == "warning" for problem in sheet.problems),
            reader=self._reader(request),
            readers=self.desk.readers(),
            tour=self.courier.tour,
            sends=self.sends,
            chosen={name: request.query_params.get(name, "") for name in ("as", "view", "dark", "marks")},
            **values,
        )

    def _reader(self, request: Request) -> Reader:
        return self.desk.reader(request.query_params.get("as", ""))

    def _item(self, request: Request) -> tuple[str, str]:
        item: str = request.path_params["item"]
        if item not in (items := self.desk.sheet.items):
            raise HTTPException(404, f"There is no mail {item} (any more).")
        return item, items[item]

    def _made(self, sheet: Sheet, reader: Reader, item: str, marked: bool = False) -> tuple[mail.Mail | None, str]:
        """The mail, or why there is none."""
        content, seeing = sheet.contents.get(item), sheet.view(item, reader, f"{self.url}/reader")
        if content is None or seeing is None:
            return None, ""
        if marked:
            content = _with_marks(content)
        try:
            return mail.rendered(content, seeing, sheet.answered(item)), ""
        except RenderingFailed as error:
            return None, error.what

    def _row(self, sheet: Sheet, reader: Reader, item: str, file: str) -> Row:
        content, seeing = sheet.contents.get(item), sheet.view(item, reader, f"{self.url}/reader")
        subject = preheader = ""
        if content is not None and seeing is not None:
            try:
                subject = mail.subject_of(content, seeing, sheet.answered(item))
                preheader = mail.line(content.preheader, seeing)
            except RenderingFailed as error:
                preheader = error.what
        return Row(item, file, subject, preheader, sheet.problems_of(file), item in sheet.old)

    def _editable(self, file: str) -> tuple[Any, str]:
        try:
            return save.load(self.desk.folder, file)
        except InvalidInput:
            return None, ""


def _around(own: Sequence[Condition], content: Content | None, seeing: View | None) -> Sequence[Condition]:
    """The conditions that a mail has from its layout and partials, each once."""
    if content is None or seeing is None:
        return ()
    known = {"else", *(condition.words for condition in own)}
    found = {one.words: one for one in conditions_of(file_text(content.file, content.html), seeing)}
    return [condition for words, condition in found.items() if words not in known]


def _with_marks(content: Content) -> Content:
    return replace(content, html=marks.marked(content.html))


def _line(files: Mapping[str, str], problem: Problem) -> str:
    lines: Sequence[str] = files.get(problem.mark.file, "").splitlines()
    return lines[problem.mark.line - 1] if problem.mark.line <= len(lines) else ""

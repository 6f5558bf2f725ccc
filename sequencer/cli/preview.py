"""`sequencer preview`."""

import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sequencer.preview.desk import Desk
    from sequencer.preview.readers import Reader

PORT = 8002


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=PORT,
    show_default=True,
    help="Where to listen on this machine; another port when it is taken.",
)
@click.option("--as", "reader", default="", metavar="EMAIL", help="The example lead to begin with, or nobody.")
@click.option(
    "--png",
    "into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write pictures of every mail into this folder instead; needs Chromium.",
)
def command(folder: Path | None, port: int, reader: str, into: Path | None) -> None:
    """Show every mail of the workspace in FOLDER in the browser, live on save, with a pane to edit it.

    FOLDER holds sequences/ and content/; without it, WORKSPACE_DIR or the current folder is shown, as any lead of its
    examples/leads.csv. The page is for this machine alone; nothing is sent unless you ask for it there.

    Example: sequencer preview
    """
    from sequencer.settings import workspace_dir

    if folder is not None and not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    workspace = folder or workspace_dir()
    if into is None:
        _serve(workspace, port, reader)
    elif not _photograph(workspace, reader, into):
        raise click.exceptions.Exit(1)


def _serve(workspace: Path, port: int, reader: str) -> None:
    import uvicorn

    from sequencer.local import ports
    from sequencer.preview.app import Start, build
    from sequencer.services import shelves
    from sequencer.settings import Mailing, cache_dir

    # A page asked for while all is checked has to wait for its turn a dozen times: each time this long, in seconds.
    sys.setswitchinterval(0.001)
    shelf = shelves.opened(cache_dir())
    start = Start(workspace, ports.free(port), secrets.token_urlsafe(24), Mailing.read(), reader, shelf)
    # Whoever reads the address may call at once: it takes callers before the server serves them.
    with socket.create_server((ports.HOST, start.port)) as door, suppress(KeyboardInterrupt):
        app = build(start)
        _known(app.state.desk, reader)
        click.echo(f"{start.url}/enter/{start.key}")
        click.echo("Open this address in a browser of this machine; Ctrl-C stops the preview.", err=True)

        class Server(uvicorn.Server):
            def handle_exit(self, number: int, frame: FrameType | None) -> None:
                # Open pages hold a connection for as long as they are there: it would wait for them.
                app.state.desk.leave_all()
                super().handle_exit(number, frame)

        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=5,
        )
        Server(config).run(sockets=[door])


def _photograph(workspace: Path, reader: str, into: Path) -> bool:
    """Whether every mail has its pictures."""
    from sequencer.cli.output import counted, line
    from sequencer.preview.desk import Desk
    from sequencer.preview.pictures import take
    from sequencer.services import shelves
    from sequencer.settings import cache_dir

    desk = Desk(workspace, reader, shelves.opened(cache_dir()))
    desk.look()
    if desk.sheet.unreadable:
        raise click.ClickException(desk.sheet.unreadable)
    done = list(take(desk, _known(desk, reader), into))
    for one in done:
        if one.problem:
            click.echo(f"no picture: {one.problem}", err=True)
    pictures = sum(len(one.files) for one in done)
    line(f"{counted(pictures, 'picture')} of {counted(sum(bool(one.files) for one in done), 'mail')} in {into}")
    return not any(one.problem for one in done)


def _known(desk: "Desk", reader: str) -> "Reader":
    """The lead that --as names, else the one whom pages begin with."""
    found = desk.reader("")
    if reader and found.key != reader:
        raise click.BadParameter(f"no lead {reader} in examples/leads.csv", param_hint="--as")
    return found

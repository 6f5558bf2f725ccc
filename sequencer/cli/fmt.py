"""`sequencer fmt`."""

from collections.abc import Iterator
from pathlib import Path

import click


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH…]", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file would change.")
def command(paths: tuple[Path, ...], check: bool) -> None:
    """Rewrite the YAML files at PATH into house style: keys in their order, conditions one key a line.

    A PATH is a file, or a folder with all .yaml files in it; without any, sequences/ of WORKSPACE_DIR or of the current
    folder. Comments and blank lines stay, and so does what the file says: a file of which that is not sure, or that
    cannot be read, is left as it is and named, and the exit code is 1.

    Example: sequencer fmt sequences/welcome.yaml
    """
    from sequencer.settings import workspace_dir
    from sequencer.workspace.source import CannotKeep
    from sequencer.workspace.style import styled

    changed = left = 0
    files = list(_files(paths or (workspace_dir() / "sequences",)))
    for path in files:
        try:
            before = path.read_bytes().decode("utf-8")
            after = styled(path.resolve().as_posix(), before)
        except (CannotKeep, UnicodeDecodeError) as reason:
            left += 1
            what = reason if isinstance(reason, CannotKeep) else "what is not UTF-8"
            click.echo(f"{path} is left as it is: it holds {what}", err=True)
            continue
        if after != before:
            changed += 1
            click.echo(f"{path} {'would be rewritten' if check else 'rewritten'}")
            if not check:
                path.write_bytes(after.encode())
    fine = len(files) - changed - left
    click.echo(f"{fine} of {len(files)} files {'was' if fine == 1 else 'were'} in house style already")
    if left or (check and changed):
        raise click.exceptions.Exit(1)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*.yaml") if not one.name.startswith("."))
        elif path.is_file():
            yield path
        else:
            raise click.BadParameter(f"there is no file or folder {path}", param_hint="PATH")

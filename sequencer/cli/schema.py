"""`sequencer schema`."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file is missing or out of date.")
def command(folder: Path | None, check: bool) -> None:
    """Write the JSON Schemas of the workspace's files into FOLDER, for completion and help in editors.

    Without FOLDER, into schemas/ of WORKSPACE_DIR or of the current folder. A file of sequences/ finds its schema by
    its first line: `# yaml-language-server: $schema=../schemas/sequence.json`.

    Example: sequencer schema
    """
    from sequencer.settings import workspace_dir
    from sequencer.workspace.schema import schema_files

    target = folder or workspace_dir() / "schemas"
    wanted = {target / name: text for name, text in schema_files().items()}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    if not stale:
        click.echo(f"{target} is current: {', '.join(path.name for path in wanted)}")
        return
    for path in stale:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8", newline="\n")
        click.echo(f"{path} {'is out of date: run `sequencer schema`' if check else 'written'}")
    if check:
        raise click.exceptions.Exit(1)

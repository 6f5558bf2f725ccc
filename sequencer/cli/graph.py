"""`sequencer graph`."""

import click


@click.command()
@click.argument("sequences", nargs=-1, metavar="[SEQUENCE]...")
def command(sequences: tuple[str, ...]) -> None:
    """Draw sequences as Mermaid flowcharts: without a SEQUENCE, all of them.

    The output is Markdown, which GitHub shows as pictures in a pull request, an issue or a file. It is drawn from the
    workspace's files as they are now.

    \b
    Examples:
      sequencer graph sales-motivation
      sequencer graph > sequences.md
    """
    from sequencer.cli.workspace import compiled_here, series_of
    from sequencer.core.graph import mermaid

    workspace, _ = compiled_here()
    drawn = [series_of(workspace, name) for name in sequences or sorted(workspace.sequences)]
    for number, series in enumerate(drawn):
        if number:
            click.echo()
        click.echo(f"## {series.title}\n\n```mermaid\n{mermaid(series)}\n```")

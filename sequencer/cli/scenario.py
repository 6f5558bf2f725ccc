"""`sequencer scenario`."""

import click


@click.group()
def command() -> None:
    """Make scenarios for `sequencer test`.

    `sequencer simulate --save-as-scenario` makes them, too: of somebody who is made up.

    Example: sequencer scenario from jane@example.com --name "clicks late"
    """


@command.command("from")
@click.argument("email")
@click.option("--sequence", metavar="ID", help="Through which sequence, when the lead was in several.")
@click.option("--name", help="What the scenario shows; without it, it is printed and not written.")
def from_(email: str, sequence: str | None, name: str | None) -> None:
    """Make a scenario of what the lead with the address EMAIL really went through, without the person in it.

    Kept are what happened and when, stage, status, time zone, country, owner and declared fields that hold no free
    text, as they were when the lead entered. The address is made up, and drawn for tests as the real one was. What is
    expected is what comes of it in the workspace's files as they are now: look at it, it may not be what should be.
    With --name the scenario is written into sequences/scenarios/.

    \b
    Examples:
      sequencer scenario from jane@example.com
      sequencer scenario from jane@example.com --sequence education --name "clicks late"
    """
    from sequencer.cli.database import transaction
    from sequencer.cli.simulate import save
    from sequencer.cli.workspace import compiled_here, series_of
    from sequencer.core.simulate import simulate
    from sequencer.services.history import of_lead
    from sequencer.services.release import Releases
    from sequencer.settings import workspace_dir
    from sequencer.store import clock
    from sequencer.workspace.save_scenario import as_scenario, file_name

    with transaction() as conn:
        found = of_lead(conn, Releases().current(conn), email, sequence, clock.now(conn))
    workspace, contents = compiled_here()
    series = series_of(workspace, found.series.id)
    text = as_scenario(name or "as it was", series, found.case, simulate(workspace, series, contents, found.case))
    for left_out in found.left_out:
        click.echo(f"left out: {left_out}", err=True)
    if name is None:
        click.echo(text, nl=False)
    else:
        save(workspace_dir() / "sequences" / "scenarios" / file_name(name), text)

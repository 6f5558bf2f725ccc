"""`sequencer test`."""

import click


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """Run the scenarios of sequences/scenarios/ and say what did not come as expected.

    Each is simulated as `sequencer simulate` does it; nothing is sent and no database is asked. A NAME is a sequence,
    or a part of a scenario's name; without any, all are run. The exit code is 1 when one fails, or when there is a
    mistake in their files. What follows counts the steps and arms of their sequences that no scenario came to.

    \b
    Examples:
      sequencer test
      sequencer test sales-motivation
      sequencer test "never reacts"
    """
    from sequencer.cli import output, trials
    from sequencer.cli.workspace import compiled_here
    from sequencer.core.scenario import by_sequence, misses
    from sequencer.core.simulate import simulate
    from sequencer.errors import NotFound
    from sequencer.settings import workspace_dir
    from sequencer.workspace.load import read_scenarios
    from sequencer.workspace.scenarios import load_scenarios

    workspace, contents = compiled_here()
    files = read_scenarios(workspace_dir())
    scenarios, problems = load_scenarios(files, workspace, contents)
    if problems:
        click.echo("\n".join(trials.mistakes(problems, files)), err=True)
        raise click.exceptions.Exit(1)
    chosen = [one for one in scenarios if not names or trials.is_meant(one, names)]
    if names and not chosen:
        raise NotFound(f"no scenario is called so: {', '.join(names)}")
    ran = [simulate(workspace, workspace.sequences[one.sequence], contents, one.case) for one in chosen]
    missed = [misses(one, came) for one, came in zip(chosen, ran, strict=True)]
    covered = by_sequence(chosen, ran)
    if as_json:
        output.json(trials.as_object(workspace, chosen, missed, covered))
    else:
        trials.say(workspace, chosen, ran, missed, covered, whole=not names)
    if any(missed):
        raise click.exceptions.Exit(1)

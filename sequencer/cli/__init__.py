"""The `sequencer` command: a table of its commands, each loaded only when it is used."""

import importlib
from typing import Any

import click

from sequencer.errors import SequencerError

COMMANDS = {
    "dev": "Run everything on this machine: databases, web, workers, clock and a SendGrid look-alike.",
    "check": "Report every problem of the workspace, with file, line and column.",
    "fmt": "Rewrite the workspace's YAML files into house style.",
    "preview": "Show every mail in the browser as a lead gets it, live on save, and edit it there.",
    "schema": "Write JSON Schemas of the workspace's files, for editors.",
    "plan": "Say what a deploy would change, and for how many people.",
    "simulate": "Walk a lead through a sequence on a virtual clock: what it gets, when, and why.",
    "test": "Run the scenarios: does every sequence do what is written down about it?",
    "graph": "Draw sequences as Mermaid flowcharts, for pull requests.",
    "scenario": "Make a scenario of what a real lead went through.",
    "deploy": "Check and compile the workspace and make it what the workers run.",
    "rollback": "Deploy an older deployment again.",
    "leads": "Import leads from CSV, or show one.",
    "companies": "Show companies, and say which of them are one or count together.",
    "enroll": "Enrol leads into a sequence.",
    "halt": "Stop all mail to a lead.",
    "pause": "Pause all sending, or one lead.",
    "resume": "Resume all sending, or one lead, after a pause.",
    "move": "Have a lead stand before another step.",
    "skip": "Take a lead past the step that it stands before.",
    "reviews": "Show the mails that wait for a rep to look at them, and send or skip one.",
    "tasks": "Show the calls that reps are to make, and log one.",
    "targets": "Show what other systems were not told of handoffs, and tell them again.",
    "keys": "Make, show and revoke keys of the API.",
    "messages": "Show and resolve messages of which nobody knows whether they went.",
    "events": "Show webhooks that were set aside, and take them up again.",
    "status": "Count enrollments by sequence and status, and messages by state.",
    "report": "Say what came of handoffs, by rep, by reason and by campaign.",
    "week": "Say what the coming days will bring if nobody reacts.",
    "why": "Explain why a lead did or did not get a mail, and when the next comes.",
    "web": "Serve webhooks, unsubscribe pages, the API and the dashboard.",
    "worker": "Run the workers that send mail and process events.",
    "clock": "Run the ticker that wakes the workers when something is due.",
    "db": "Bring the database to the newest schema, and take old months off.",
}


class LazyGroup(click.Group):
    """Lists commands from the table; imports `sequencer.cli.<name>` when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"sequencer.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """What the package refuses is a message and exit code 1; wrong use stays click's exit code 2."""
        try:
            return super().invoke(ctx)
        except SequencerError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Email sequences as code: committed to git, proved before they are sent, steered by engagement.

    Example: sequencer check
    """

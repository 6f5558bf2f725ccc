"""`sequencer companies`."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from sequencer.cli import output
from sequencer.cli.database import opened, transaction
from sequencer.core.explain import moment
from sequencer.services import companies, strangers
from sequencer.services.release import Releases
from sequencer.store import clock
from sequencer.store import companies as stored
from sequencer.store.companies import Known


@click.group()
def command() -> None:
    """Show companies, and say which of them are one or count together.

    Example: sequencer companies show harbor.example
    """


@command.command("list")
@click.argument("words", default="")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="List at most so many.")
def list_(words: str, as_json: bool, limit: int) -> None:
    """List companies whose domain or name contains WORDS, or all, with the number of their people.

    Example: sequencer companies list harbor
    """
    with transaction() as conn:
        found = stored.listed(conn, words, limit)
        others = [other for one, _ in found for other in (one.merged_into, one.parent_id) if other is not None]
        domains = {number: one.domain for number, one in stored.by_ids(conn, others).items()}
    rows = [
        {
            "domain": one.domain,
            "name": one.name,
            "people": people,
            "owner": one.owner,
            "merged_into": domains.get(one.merged_into or 0),
            "counts_with": domains.get(one.parent_id or 0),
        }
        for one, people in found
    ]
    if as_json:
        output.json({"companies": rows})
    elif rows:
        output.table([_row(one) for one in rows])
    else:
        output.line("there are no such companies")


def _row(one: dict[str, Any]) -> list[str]:
    said = f"is {one['merged_into']}" if one["merged_into"] else ""
    said = f"counts with {one['counts_with']}" if one["counts_with"] else said
    return [one["domain"], one["name"] or "", output.counted(one["people"], "lead"), one["owner"] or "", said]


@command.command("show")
@click.argument("domain")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(domain: str, as_json: bool) -> None:
    """Show the company with DOMAIN: its people and who of them is engaged, handoffs, and whose sequences rest.

    Example: sequencer companies show harbor.example
    """
    with opened() as context, context.engine.begin() as conn:
        release = Releases().deployed(conn)
        found = companies.view(conn, release, companies.named(conn, domain).id, clock.now(conn))
    if as_json:
        output.json(found)
        return
    zone = ZoneInfo(release.workspace.zone) if release is not None else ZoneInfo("UTC")
    output.line(f"{found['name'] or found['domain']} ({', '.join(found['domains'])})")
    if found["named_by"]:
        output.line(f"named by: {found['named_by']}")
    output.line(f"owner: {found['owner'] or 'nobody'}")
    for one in found["counts_with"]:
        output.line(f"counts with {one['domain']}")
    for one in found["engaged"]:
        output.line(f"{one['people']} engaged within {one['within']}")
    rows = [
        (one["email"], one["name"], one["stage"] or "", f"score {one['score']}" if one["score"] is not None else "")
        for one in found["people"]
    ]
    output.table(rows, indent="  ")
    for one in found["handoffs"]:
        output.line(f"handoff of {_who(found, one['lead_id'])}: {one['state']}, {one['rep'] or 'no rep was found yet'}")
    for one in found["paused"]:
        until = f" until {moment(datetime.fromisoformat(one['until']), zone)}" if one["until"] else ""
        by = f", by {one['by']['who']}" if one["by"] else ""
        output.line(f"{one['who']} in {one['sequence']}: paused ({one['why']}{by}){until}")


def _who(found: dict[str, Any], lead_id: int) -> str:
    return next(str(one["email"]) for one in found["people"] if one["id"] == lead_id)


@command.command("merge")
@click.argument("domain")
@click.option("--into", required=True, metavar="DOMAIN", help="The company that it is.")
def merge(domain: str, into: str) -> None:
    """Make DOMAIN one more domain of another company. Its people, rep and subsidiaries follow; it cannot be undone.

    Example: sequencer companies merge harbor-shipping.example --into harbor.example
    """
    with opened() as context:
        with context.engine.begin() as conn:
            release = context.releases.deployed(conn)
            shared = release.workspace.shared_domains if release is not None else frozenset()
            gone, kept = companies.merge(conn, domain, into, clock.now(conn), shared)
        context.hint("merge")
    output.line(f"{gone.domain} is {_called(kept)} now; its people follow")


@command.command("rename")
@click.argument("domain")
@click.argument("name")
def rename(domain: str, name: str) -> None:
    """Name the company with DOMAIN. No form, API or import renames it from then on.

    Example: sequencer companies rename harbor.example "Harbor Shipping GmbH"
    """
    with transaction() as conn:
        was = companies.rename(conn, domain, name)
    output.line(f"{was.domain} is called {name} now{f', not {was.name}' if was.name else ''}")


@command.command("subsidiary")
@click.argument("domain")
@click.option("--of", "of", metavar="DOMAIN", help="The company that it counts with.")
@click.option("--apart", is_flag=True, help="It counts by itself again.")
def subsidiary(domain: str, of: str | None, apart: bool) -> None:
    """Have the company DOMAIN count with another: for engaged people, the owner, and what colleagues do.

    Example: sequencer companies subsidiary harbor-labs.example --of harbor.example
    """
    if (of is None) != apart:
        raise click.UsageError("say --of DOMAIN, or --apart")
    with transaction() as conn:
        own, head = companies.subsidiary(conn, domain, of, clock.now(conn))
    output.line(f"{_called(own)} counts {f'with {_called(head)}' if head is not None else 'by itself'} now")


@command.command("detach")
@click.argument("domain", required=False)
@click.option("--shared", is_flag=True, help="Every company whose domain strangers share.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def detach(domain: str | None, shared: bool, as_json: bool) -> None:
    """Take people out of a company that is none, as strangers share DOMAIN or what lies below it; with --shared of all.

    For those who came before free mail, or what `companies` of workspace.yaml names, was known as such. What rests for
    colleagues goes on; whoever was handed to the company's rep keeps them. Can be run again after it was cut short.

    \b
    Examples:
      sequencer companies detach agency.example
      sequencer companies detach --shared
    """
    if (domain is None) != shared:
        raise click.UsageError("say DOMAIN, or --shared")
    with opened() as context, output.Progress("lead") as progress:
        with context.engine.begin() as conn:
            found = strangers.concerned(conn, context.releases.current(conn), domain)
        done = [strangers.detach(context, one, progress) for one in found]
    if as_json:
        output.json({"companies": [asdict(one) for one in done]})
        return
    for one in done:
        said = [f"{one.domain}: {output.counted(one.people, 'lead')} of no company now"]
        said += [f"{output.counted(one.resumed, 'passage')} no longer paused by others"] * bool(one.resumed)
        said += [f"{one.kept:,} keep the rep to whom they were handed"] * bool(one.kept)
        output.line("; ".join(said))
    if not done:
        output.line(f"nothing changes: nobody is in a company {f'of {domain}' if domain else 'that is none'}")


def _called(one: Known) -> str:
    return f"{one.name} ({one.domain})" if one.name else one.domain

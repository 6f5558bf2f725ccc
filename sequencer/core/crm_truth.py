"""Who is right where the CRM and we know different things of a lead."""

from collections.abc import Collection, Mapping
from typing import Any

from sequencer.core.condition_run import known
from sequencer.core.crm import Crm
from sequencer.core.lead import Lead
from sequencer.core.workspace import Workspace


def stage_of(workspace: Workspace, crm: Crm, said: str) -> str | None:
    """Our stage by the CRM's name of it, in small or capital letters; None: it is none of ours."""
    by_name = {name.casefold(): stage for name, stage in crm.stages.items()}
    return by_name.get(said.casefold()) or (said if said in workspace.stages else None)


def status_of(workspace: Workspace, said: str) -> str | None:
    """Our status by its id or its label; None: it is none of ours."""
    by_name = {one.label.casefold(): name for name, one in workspace.statuses.items()}
    return said if said in workspace.statuses else by_name.get(said.casefold())


def settled(
    workspace: Workspace, crm: Crm, lead: Lead, said: Mapping[str, Any], inferred: Collection[str] = ()
) -> dict[str, Any]:
    """What of the CRM's values is to be written: by field, those that differ and count.

    What only one of both knows counts anyway, and what we only `inferred` we do not know: said, it is an answer. A
    stage that is ours to say the CRM moves forward like anybody else.
    """
    found = {}
    for name, value in said.items():
        before = lead.get(name) if name not in inferred else None
        if value == before or not known(value):
            continue
        forward = name == "stage" and workspace.stage_rank(value) > workspace.stage_rank(before)
        if not known(before) or forward or crm.wins(name):
            found[name] = value
    return found

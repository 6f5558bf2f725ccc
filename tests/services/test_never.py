"""`never`: nobody there is enrolled or mailed, on a real database."""

from sequencer.services.why import why
from tests.services.conftest import World
from tests.services.test_advance import EXEMPT
from tests.workspaces import WORKSPACE, files

NEVER = """audiences:
  pilot: has(lead.pains, "cost")
never:
  - company.domain in list("rivals.txt")
  - lead.stage == "customer" and not in_audience("pilot")
"""


def workspace(never: str = NEVER) -> dict[str, str]:
    return files(quick=EXEMPT) | {
        "sequences/workspace.yaml": WORKSPACE + never,
        "sequences/rivals.txt": "evil.example\n",
    }


def test_nobody_there_is_enrolled_and_why_says_so(world: World) -> None:
    world.deploy(workspace())
    rival, customer = world.lead("eve@evil.example"), world.lead(stage="customer")
    pilot = world.lead("pat@harbor.example", stage="customer", pains="cost")
    entered = world.enter("quick", rival, customer, pilot)
    assert entered.leads == {pilot.id}
    assert sorted(entered.refused.values()) == [1, 1]
    with world.context.engine.connect() as conn:
        said = why(conn, world.context.releases.current(conn), rival, "two", world.now())[0].now[0].text
    assert said == 'never entered; could not: nobody is mailed of whom `company.domain in list("rivals.txt")` is true'


def test_whoever_gets_there_leaves_at_once_also_what_is_exempt(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(stage="mql")
    world.enter("quick", kim)
    world.work()
    world.lead(stage="customer")
    assert world.status(kim, "quick")[0] == "stopped"
    world.pass_(days=1)
    assert world.provider.mails == [(kim.email, "one")]


def test_a_deploy_that_adds_it_stops_those_inside(world: World) -> None:
    world.deploy(workspace(never=""))
    rival, kim = world.lead("eve@evil.example"), world.lead()
    world.enter("quick", rival, kim)
    world.work()
    world.deploy(workspace())
    world.pass_(days=1)
    assert world.provider.mails == [(rival.email, "one"), (kim.email, "one"), (kim.email, "two")]
    assert world.status(rival, "quick") == ("stopped", 'never: company.domain in list("rivals.txt")')

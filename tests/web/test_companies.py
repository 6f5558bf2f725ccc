"""The page of a company."""

from tests.services.test_colleagues import company, workspace
from tests.services.test_handoffs import asks
from tests.web.conftest import Site


def test_a_company_is_linked_from_its_people_and_handoffs_and_says_who_rests_because_of_whom(site: Site) -> None:
    world = site.world
    world.deploy(workspace())
    kim, lee = company(world, "kim", "lee")
    world.enter("education", lee)
    asks(world, kim)
    site.log_in()
    address = f"/dashboard/companies/{kim.company_id}"
    assert address in site.http.get(f"/dashboard/leads/{lee.id}").text
    assert address in site.http.get("/dashboard/handoffs").text
    shown = site.http.get(address).text
    for said in (
        "Harbor",
        "kim@harbor.example",
        "colleague handed off, by",
        "a colleague was handed to sales",
        "Ana Ruiz",
    ):
        assert said in shown
    assert site.http.get("/dashboard/companies/999").status_code == 404
    assert site.http.get(f"/dashboard/companies/{2**63}").status_code == 404

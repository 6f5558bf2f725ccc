"""`sequencer companies`."""

from pathlib import Path

from sqlalchemy import Engine, text

from .conftest import Sequencer


def test_companies_are_listed_shown_merged_and_count_together(
    deployed: Sequencer, engine: Engine, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,company\nkim@harbor.example,Harbor\nlee@labs.example,Labs\nmax@dock.example,\n")
    deployed("leads", "import", str(people))
    assert deployed("companies", "subsidiary", "dock.example", "--of", "harbor.example").strip() == (
        "dock.example counts with Harbor (harbor.example) now"
    )
    assert "its people follow" in deployed("companies", "merge", "labs.example", "--into", "harbor.example")
    rows = {one["domain"]: one for one in deployed.json("companies", "list")["companies"]}
    assert (rows["labs.example"]["merged_into"], rows["dock.example"]["counts_with"]) == ("harbor.example",) * 2
    assert "is harbor.example" in deployed("companies", "list", "labs")
    shown = deployed("companies", "show", "labs.example")
    assert "Harbor (harbor.example, labs.example)" in shown and "counts with dock.example" in shown
    assert deployed.json("companies", "show", "harbor.example")["domains"] == ["harbor.example", "labs.example"]
    renamed = deployed("companies", "rename", "labs.example", "Harbor GmbH")
    assert renamed == "harbor.example is called Harbor GmbH now, not Harbor\n"
    shown = deployed("companies", "show", "harbor.example")
    assert "Harbor GmbH (harbor.example, labs.example)\nnamed by: operator\n" in shown
    assert "by itself now" in deployed("companies", "subsidiary", "dock.example", "--apart")
    assert (
        deployed.refusal("companies", "show", "nobody.example") == "there is no company with the domain nobody.example"
    )
    assert "say --of DOMAIN, or --apart" in deployed.run("companies", "subsidiary", "dock.example").output


def test_people_leave_a_company_whose_domain_strangers_share(
    deployed: Sequencer, engine: Engine, tmp_path: Path
) -> None:
    """As it was before the domain was known as such."""
    people = tmp_path / "people.csv"
    people.write_text("email\nkim@members.shippers-guild.example\nlee@members.shippers-guild.example\nmax@ieee.org\n")
    deployed("leads", "import", str(people))
    with engine.begin() as conn:
        for domain in ("members.shippers-guild.example", "ieee.org"):
            made = "INSERT INTO company (domain) VALUES (:domain) RETURNING id"
            number = conn.execute(text(made), {"domain": domain}).scalar_one()
            put = "UPDATE lead SET company_id = :id WHERE email LIKE '%@' || :domain"
            conn.execute(text(put), {"id": number, "domain": domain})
    assert deployed("companies", "detach", "members.shippers-guild.example") == (
        "members.shippers-guild.example: 2 leads of no company now\n"
    )
    gone = {"domain": "ieee.org", "people": 1, "resumed": 0, "kept": 0}
    assert deployed.json("companies", "detach", "--shared") == {"companies": [gone]}
    assert deployed("companies", "detach", "--shared") == "nothing changes: nobody is in a company that is none\n"
    assert "say DOMAIN, or --shared" in deployed.run("companies", "detach").output
    refused = deployed.refusal("companies", "detach", "harbor.example")
    assert refused.startswith("harbor.example is a company's: name it in `companies: {shared: [...]}`")

"""`sequencer companies`."""

from pathlib import Path

from sqlalchemy import Engine

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
    assert "by itself now" in deployed("companies", "subsidiary", "dock.example", "--apart")
    assert (
        deployed.refusal("companies", "show", "nobody.example") == "there is no company with the domain nobody.example"
    )
    assert "say --of DOMAIN, or --apart" in deployed.run("companies", "subsidiary", "dock.example").output

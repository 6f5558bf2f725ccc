"""`sequencer scenario from`."""

import shutil
from pathlib import Path

from .conftest import ROOT, Sequencer


def test_a_scenario_of_a_real_lead_is_written_and_holds(deployed: Sequencer, tmp_path: Path) -> None:
    for name in ("sequences", "content"):
        shutil.copytree(ROOT / name, tmp_path / name)
    deployed.environ["WORKSPACE_DIR"] = str(tmp_path)
    deployed("enroll", "education")
    printed = deployed("scenario", "from", "ana@harbor.example")
    assert "sequence: education\n" in printed and "pains: [workload, risk]\n" in printed
    assert "ana" not in printed.lower().replace("manager", "") and "harbor" not in printed.lower()
    result = deployed.run("scenario", "from", "ana@harbor.example", "--name", "As Ana was")
    assert (0, "", f"{tmp_path}/sequences/scenarios/as-ana-was.yaml written\n") == (
        result.exit_code,
        result.stdout,
        result.stderr,
    )
    assert "1 scenario fine" in deployed("test", "As Ana was")
    assert "is there already" in deployed.refusal("scenario", "from", "ana@harbor.example", "--name", "As Ana was")
    assert "was never in" in deployed.refusal("scenario", "from", "cy@mill.example", "--sequence", "sales-motivation")

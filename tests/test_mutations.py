"""The mutations still fit: what each takes out is there, and the tests that must notice exist."""

import pytest

from benchmarks.mutations import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_takes_out_is_there(mutant: Mutant) -> None:
    missing = [edit for edit in mutant.edits if edit.old not in (ROOT / edit.file).read_text()]
    assert missing == []
    assert [test for test in mutant.tests if not (ROOT / test.partition("::")[0]).exists()] == []

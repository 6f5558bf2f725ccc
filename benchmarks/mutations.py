"""`python -m benchmarks.mutations`: takes out one defence at a time, in a copy of the tree; a test must notice.

Only a failed assertion counts: a mutant that dies of an import error, or in a fixture, has shown nothing.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as tree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sequencer.settings import variables

ROOT = Path(__file__).parents[1]
COPIED = ("sequencer", "workers", "tests", "benchmarks", "pyproject.toml")
AT_ONCE = 2
PATIENCE = 600.0
"""Seconds that the tests of one mutant may take."""
NOTICED = ("AssertionError", "assert ", "Failed: DID NOT RAISE")
"""How the message of a failure begins when a promise was found broken."""


class Edit(NamedTuple):
    """`old` must stand in the file; its first occurrence is replaced."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    """The smallest set that must notice."""


class Fate(NamedTuple):
    mutant: Mutant
    killer: str | None
    """The test that failed; None: it survived, or died of something else."""
    said: str
    seconds: float


LEDGER = "sequencer/store/messages.py"
GUARDS = "tests/faults/test_guards.py"
SENDING = "tests/services/test_sending_hard.py"
BODY = "sequencer/providers/sendgrid_body.py"
ENVIRONMENT = "sequencer/rendering/environment.py"
HEADERS = "tests/attacks/test_content_headers.py"
SSRF = "tests/attacks/test_outgoing_ssrf.py"
TEMPLATES = "tests/attacks/test_content_templates.py"
MUTANTS = (
    Mutant(
        "the fence is not looked at",
        (Edit(LEDGER, "AND fence = :fence AND state = 'sending'", "AND state = 'sending'"),),
        (f"{GUARDS}::test_who_lost_the_fence_records_no_failure",),
    ),
    Mutant(
        "the lead is not looked at again after the claim",
        (Edit("sequencer/core/engine.py", "if lead.suppressed:", "if False:"),),
        (f"{GUARDS}::test_what_a_lead_is_when_claimed_decides_not_what_they_were_when_the_mail_fell_due",),
    ),
    Mutant(
        "the ledger's unique key is overwritten",
        (Edit(LEDGER, "WHERE message.state = 'retry' AND message.attempt = excluded.attempt - 1", ""),),
        (f"{GUARDS}::test_a_step_that_was_begun_is_not_begun_again",),
    ),
    Mutant(
        "a simulation does not wake who waits for what happened",
        (Edit("sequencer/core/simulate.py", "            self.enrollments[enrollment.id] = after.enrollment\n", ""),),
        ("tests/simulation",),
    ),
    Mutant(
        "every signature is right",
        (Edit("sequencer/providers/sendgrid_events.py", "        return True\n    return False", "    return True"),),
        ("tests/web/test_webhooks.py",),
    ),
    Mutant(
        "an event proves nothing of its request",
        (Edit("sequencer/services/ingest.py", "messages.prove(conn, sorted", "set() and messages.prove(conn, sorted"),),
        ("tests/services/test_ingest.py::test_an_event_for_one_message_proves_its_whole_request",),
    ),
    Mutant(
        "what is unknown cannot be proven any more",
        (Edit(LEDGER, "                    AND state IN ('sending', 'unknown')\n", "                    AND false\n"),),
        ("tests/services/test_ingest.py::test_an_event_for_one_message_proves_its_whole_request",),
    ),
    Mutant(
        "two workers may claim the same lead",
        (
            Edit(
                "sequencer/store/enrollments.py",
                "    .with_for_update(key_share=True, skip_locked=True, of=[lead, enrollment])\n",
                "",
            ),
        ),
        ("tests/services/test_batches.py",),
    ),
    Mutant(
        "an event counts as often as it comes",
        (
            Edit("sequencer/services/ingest.py", "for known in events.stored(conn, fresh):", "for known in ():"),
            Edit(
                "sequencer/store/events.py",
                "SELECT v.at, v.lead_id, v.key,",
                "SELECT v.at, v.lead_id, v.key || random()::text,",
            ),
        ),
        (
            "tests/services/test_advance.py::test_an_event_counts_once_however_often_it_comes",
            "tests/services/test_ingest.py::test_each_event_counts_once_in_any_number_of_posts",
        ),
    ),
    Mutant(
        "urgent bodies wait behind the others",
        (
            Edit(
                "sequencer/services/due.py",
                "sorted(intake.pending(conn), reverse=True)",
                "sorted(intake.pending(conn))",
            ),
        ),
        (f"{GUARDS}::test_bodies_that_may_stop_mail_are_hinted_first",),
    ),
    Mutant(
        "a commit in doubt sends",
        (
            Edit(
                "sequencer/services/advance.py", "        release(context, outgoing)\n        raise\n", "        pass\n"
            ),
        ),
        (f"{GUARDS}::test_a_commit_of_which_nobody_knows_whether_it_happened_does_not_send",),
    ),
    Mutant(
        "the reaper has it sent again",
        (Edit(LEDGER, "SET state = 'unknown', failure =", "SET state = 'retry', failure ="),),
        (
            f"{GUARDS}::test_a_failure_that_is_known_after_the_lease_changes_nothing",
            f"{SENDING}::test_a_batch_that_fails_takes_no_other_with_it",
        ),
    ),
    Mutant(
        "the reaper does not wait for the lease",
        (
            Edit(
                "sequencer/store/requests.py", "WHERE lease_until < clock_timestamp()", "WHERE lease_until IS NOT NULL"
            ),
        ),
        (f"{GUARDS}::test_the_reaper_leaves_alone_what_still_has_its_lease",),
    ),
    Mutant(
        "a request is begun when its lease is over",
        (Edit("sequencer/services/deliver.py", "time.monotonic() > leased_at + context.lease / 2", "False"),),
        (f"{SENDING}::test_what_could_not_begin_within_half_its_lease_goes_later",),
    ),
    Mutant(
        "an outage is not probed",
        (Edit("sequencer/services/probe.py", "self._limit = limit_after(answer, self._limit)", "self._limit = None"),),
        (f"{SENDING}::test_an_outage_makes_only_a_few_mails_unknown",),
    ),
    Mutant(
        "outgoing webhooks go into private networks",
        (
            Edit(
                "sequencer/providers/outgoing.py",
                "if not all(public(address) or (str(address), target.port) in self._allowed for address in addresses):",
                "if False:",
            ),
        ),
        (f"{SSRF}::test_one_private_address_among_public_ones_is_enough_to_refuse",),
    ),
    Mutant(
        "a name is looked up once more to be connected to",
        (
            Edit(
                "sequencer/providers/outgoing.py",
                "self._converse(target, addresses, ",
                "self._converse(target, [ip_address(one) for one in self._resolve(target.host, target.port)], ",
            ),
        ),
        (f"{SSRF}::test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing",),
    ),
    Mutant(
        "a redirect counts as an answer",
        (Edit("sequencer/providers/outgoing.py", "if 200 <= status < 300:", "if 200 <= status < 400:"),),
        (f"{SSRF}::test_a_redirect_is_not_followed",),
    ),
    Mutant(
        "names keep their line breaks",
        (Edit(BODY, "return name if _PLAIN_NAME(name) else", "return name if True else"),),
        (f"{HEADERS}::test_nothing_by_sendgrid_holds_a_line_break_where_a_header_is_made",),
    ),
    Mutant(
        "header lines keep their line breaks",
        (Edit(BODY, "self._plain_headers = lines.isprintable()", "self._plain_headers = True"),),
        (f"{HEADERS}::test_nothing_by_sendgrid_holds_a_line_break_where_a_header_is_made",),
    ),
    Mutant(
        "content looks behind its values",
        (
            Edit(ENVIRONMENT, "from jinja2 import", "from jinja2 import Environment as ImmutableSandboxedEnvironment,"),
            Edit(ENVIRONMENT, "from jinja2.sandbox import ImmutableSandboxedEnvironment\n", ""),
            Edit(
                ENVIRONMENT, "return self.undefined(obj=obj, name=attribute)", "return super().getattr(obj, attribute)"
            ),
        ),
        (f"{TEMPLATES}::test_content_cannot_look_behind_its_values",),
    ),
    Mutant(
        "what is unknown prints as nothing",
        (
            Edit(ENVIRONMENT, "from jinja2 import StrictUndefined,", "from jinja2 import Undefined,"),
            Edit(ENVIRONMENT, "undefined=StrictUndefined", "undefined=Undefined"),
        ),
        (f"{TEMPLATES}::test_an_unknown_name_that_got_past_the_check_fails_and_never_prints_as_nothing",),
    ),
    Mutant(
        "a mail may take any number of steps",
        (Edit("sequencer/rendering/budget.py", "if self._left < 0:", "if False:"),),
        (f"{TEMPLATES}::test_steps_are_counted_over_the_whole_mail_and_for_each_lead_anew",),
    ),
    Mutant(
        "a lead's address runs a program",
        (
            Edit(
                "sequencer/rendering/links.py",
                'return address if _HARMLESS.match(address) and not re.search(r"[\\x00-\\x20\\x7f]", address) else "#"',
                "return address",
            ),
        ),
        ("tests/attacks/test_content_links.py::test_no_value_of_a_lead_makes_an_address_dangerous",),
    ),
    Mutant(
        "every token names somebody",
        (
            Edit(
                "sequencer/core/token.py", "if not hmac.compare_digest(mac, _mac(secret, purpose, body)):", "if False:"
            ),
        ),
        ("tests/attacks/test_web_tokens.py::test_a_token_with_one_bit_changed_names_nothing",),
    ),
    Mutant(
        "the session's cookie goes without TLS, and to other sites",
        (
            Edit("sequencer/web/app.py", "https_only=secure", "https_only=False"),
            Edit("sequencer/web/app.py", 'same_site="lax"', 'same_site="none"'),
        ),
        ("tests/attacks/test_web_doors.py::test_the_cookie_is_for_this_site_alone_for_no_script_and_for_https",),
    ),
    Mutant(
        "the policy lets any script run",
        (Edit("sequencer/web/gate.py", "\"default-src 'none'; ", '"default-src *; '),),
        ("tests/attacks/test_web_xss.py::test_the_policy_lets_nothing_run_and_nothing_in",),
    ),
)


def try_out(mutant: Mutant, folder: Path) -> Fate:
    """Raises ValueError when the code that it takes out is not there."""
    began = time.monotonic()
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for edit in mutant.edits:
        path = folder / edit.file
        text = path.read_text()
        if edit.old not in text:
            raise ValueError(f"{edit.file}: expected {edit.old!r} for the mutant `{mutant.name}`; adapt MUTANTS")
        path.write_text(text.replace(edit.old, edit.new, 1))
    report = folder / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-x", f"--junit-xml={report}", *mutant.tests],
        cwd=folder,
        env=variables() | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    killer, said = _killer(report) if report.exists() else (None, done.stdout[-300:])
    return Fate(mutant, killer, said, time.monotonic() - began)


def _killer(report: Path) -> tuple[str | None, str]:
    """The test that found the promise broken, and its words."""
    said = "no test failed"
    for case in tree.parse(report).iter("testcase"):
        for failure in case.findall("failure"):
            said = " ".join(failure.get("message", "").split())
            if said.startswith(NOTICED):
                return case.get("name"), said
        for error in case.findall("error"):
            said = f"the harness broke: {error.get('message', '')}"
    return None, said


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    asked = parser.parse_args()
    wanted = [mutant for mutant in MUTANTS if asked.only in mutant.name]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sequencer-mutants-") as name, ThreadPoolExecutor(AT_ONCE) as pool:
        folders = [Path(name) / str(number) for number in range(len(wanted))]
        for folder in folders:
            folder.mkdir()
        fates = []
        for fate in pool.map(try_out, wanted, folders):
            fates.append(fate)
            verdict = fate.killer or f"SURVIVED ({fate.said[:200]})"
            print(f"{fate.mutant.name:50} {verdict:100} {fate.seconds:5.1f} s", flush=True)
    survivors = [fate for fate in fates if fate.killer is None]
    print(f"{len(fates)} mutants, {len(survivors)} survived, {time.monotonic() - began:.0f} seconds")
    return 1 if survivors or not fates else 0


if __name__ == "__main__":
    sys.exit(main())

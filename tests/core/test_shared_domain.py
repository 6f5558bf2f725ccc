"""Whose addresses say nothing about a company."""

import re

import idna
import pytest

from sequencer.core.lead_input import RowReader, normal_email, read
from sequencer.core.shared_domain import _LISTED, DOMAINS, FAMILIES, LEARNERS, is_shared, is_suffix
from tests.core.test_lead_input import WORKSPACE

FREE = """
    gmail.com googlemail.com outlook.com hotmail.com live.com icloud.com yahoo.com proton.me aol.com fastmail.com
    yahoo.fr yahoo.es yahoo.it yahoo.co.uk yahoo.co.jp yahoo.com.br hotmail.nl hotmail.it hotmail.es hotmail.co.uk
    live.nl outlook.fr gmx.de gmx.at gmx.net gmx.com gmx.co.uk yandex.ru yandex.com yandex.com.tr aol.co.uk
    ziggo.nl kpnmail.nl xs4all.nl telenet.be skynet.be laposte.net wanadoo.fr sfr.fr orange.fr free.fr freenet.de
    t-online.de web.de bluewin.ch seznam.cz wp.pl o2.pl libero.it comcast.net verizon.net att.net btinternet.com
    qq.com 163.com 126.com naver.com mail.ru bigpond.com uol.com.br netcologne.de saunalahti.fi ocn.ne.jp
""".split()
SHARED = """
    privaterelay.appleid.com mozmail.com kim.anonaddy.com passmail.net marketplace.amazon.de reply.craigslist.org
    ieee.org nhs.net pec.it student.tudelft.nl students.finki.ukim.mk stud.hs-hannover.de student.g.nwu.ac.za
    alumni.upenn.edu cs.alumni.upenn.edu etu.unistra.fr uowmail.edu.au tampabay.rr.com vip.163.com poczta.onet.pl
""".split()
COMPANIES = """
    harbor.example yahoo-services.com myyahoo.com gmx.group hotmail.consulting yahoo.harbor.example mail.harbor.example
    live.harbor.com orange.com ziggo.com gmail.harbor.example aol yahoo.com.evil.example example.com evilgmail.com
    tudelft.nl upenn.edu appleid.com amazon.de students.co.uk alumni.in student.nl studio.example harbor.onmicrosoft.com
    relay.harbor.example
""".split()


@pytest.mark.parametrize(
    ("domains", "shared"), [(FREE, True), (SHARED, True), (COMPANIES, False)], ids=["free", "shared", "companies"]
)
def test_what_strangers_share_is_known_from_companies_however_an_address_comes(
    domains: list[str], shared: bool
) -> None:
    assert [domain for domain in domains if is_shared(domain) is not shared] == []
    quick = RowReader(["email"], WORKSPACE)
    for domain in domains:
        if "." in domain:
            address = f"kim@{domain}"
            expected = None if shared else domain
            assert (read({"email": address}, WORKSPACE).domain, quick([address]).domain) == (expected, expected)


@pytest.mark.parametrize(
    ("domain", "shared"),
    [
        ("agency.example", True),
        ("berlin.agency.example", True),
        ("agency.example.com", False),
        ("myagency.example", False),
        ("harbor.example", False),
        ("gmail.com", True),
    ],
)
def test_what_a_workspace_declares_counts_with_all_that_lies_below(domain: str, shared: bool) -> None:
    assert is_shared(domain, {"agency.example"}) is shared


def test_the_list_is_in_order_and_names_nobody_twice() -> None:
    groups = [group.split("\n", 1)[1].split() for group in _LISTED.strip().split("\n\n")]
    assert [group for group in groups if group != sorted(group)] == []
    assert sum(map(len, groups)) == len(DOMAINS)
    above = [domain.partition(".")[2] for domain in sorted(DOMAINS)]
    assert [domain for domain, parent in zip(sorted(DOMAINS), above, strict=True) if is_shared(parent)] == []


def test_what_is_listed_are_domains_as_those_of_addresses_are_kept() -> None:
    """Lower case, as IDNA has them, and none below which organisations have domains of their own."""
    assert [one for one in sorted(DOMAINS) if idna.encode(one, uts46=False).decode() != one] == []
    assert [one for one in sorted(DOMAINS) if normal_email(f"a@{one}") != f"a@{one}"] == []
    assert [one for one in sorted(DOMAINS) if is_suffix(one)] == ["net.hr"], "a provider, and no suffix of Croatia's"
    assert [one for one in sorted(FAMILIES | LEARNERS) if not re.fullmatch("[a-z]+", one)] == []


@pytest.mark.parametrize("suffix", ["com", "co.uk", "com.br", "ac.jp", "gov.uk", "k12.tr", "example"])
def test_a_suffix_is_known(suffix: str) -> None:
    assert is_suffix(suffix) and not is_suffix(f"harbor.{suffix}")

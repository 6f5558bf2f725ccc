"""Whose addresses say nothing about a company."""

import pytest

from sequencer.core.free_mail import _LISTED, DOMAINS, is_free
from sequencer.core.lead_input import RowReader, read
from tests.core.test_lead_input import WORKSPACE

FREE = """
    gmail.com googlemail.com outlook.com hotmail.com live.com icloud.com yahoo.com proton.me aol.com fastmail.com
    yahoo.fr yahoo.es yahoo.it yahoo.co.uk yahoo.co.jp yahoo.com.br hotmail.nl hotmail.it hotmail.es hotmail.co.uk
    live.nl outlook.fr gmx.de gmx.at gmx.net gmx.com gmx.co.uk yandex.ru yandex.com yandex.com.tr aol.co.uk
    ziggo.nl kpnmail.nl xs4all.nl telenet.be skynet.be laposte.net wanadoo.fr sfr.fr orange.fr free.fr freenet.de
    t-online.de web.de bluewin.ch seznam.cz wp.pl o2.pl libero.it comcast.net verizon.net att.net btinternet.com
    qq.com 163.com 126.com naver.com mail.ru bigpond.com uol.com.br
""".split()
COMPANIES = """
    harbor.example yahoo-services.com myyahoo.com gmx.group hotmail.consulting yahoo.harbor.example mail.harbor.example
    live.harbor.com orange.com ziggo.com gmail.harbor.example aol yahoo.com.evil.example example.com
""".split()


@pytest.mark.parametrize(("domains", "free"), [(FREE, True), (COMPANIES, False)], ids=["free", "companies"])
def test_free_mail_is_known_from_companies_however_an_address_comes(domains: list[str], free: bool) -> None:
    assert [domain for domain in domains if is_free(domain) is not free] == []
    quick = RowReader(["email"], WORKSPACE)
    for domain in domains:
        if "." in domain:
            address = f"kim@{domain}"
            expected = None if free else domain
            assert (read({"email": address}, WORKSPACE).domain, quick([address]).domain) == (expected, expected)


def test_the_list_is_in_order_and_names_nobody_twice() -> None:
    groups = [group.split("\n", 1)[1].split() for group in _LISTED.strip().split("\n\n")]
    assert [group for group in groups if group != sorted(group)] == []
    assert sum(map(len, groups)) == len(DOMAINS)
    assert all(domain == domain.lower() and "." in domain for domain in DOMAINS)

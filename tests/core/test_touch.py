"""What led somebody here, and what the campaign of that is called."""

import pytest

from sequencer.core.touch import campaign_of, touch_of


def test_it_is_known_by_utm_click_id_and_the_site_before() -> None:
    query = "?UTM_Source=news&utm_campaign=fuel%20tables&gclid=abc&utm_campaign=later&x=1&utm_other=2"
    assert touch_of(query, "https://www.search.example/find?q=secret") == {
        "source": "news",
        "campaign": "fuel tables",
        "gclid": "abc",
        "referrer": "www.search.example",
    }
    assert touch_of("", "https://www.acme.example/", {"www.acme.example"}) == {}
    assert touch_of(None, "https://[broken", ()) == {}
    assert touch_of("gclid=&utm_source=%20", None) == {}
    assert len(touch_of("utm_campaign=" + "x" * 9000, None)["campaign"]) == 200


@pytest.mark.parametrize(
    ("query", "referrer", "campaign"),
    [
        ("utm_campaign=autumn&utm_source=news&gclid=x", "https://www.google.com/", "autumn"),
        ("utm_source=news&utm_medium=email", "https://www.google.com/", "news / email"),
        ("utm_source=news&gclid=x", "", "news"),
        ("utm_medium=paid&gclid=x", "", "google / paid"),
        ("gclid=x", "", "google / cpc"),
        ("wbraid=x", "https://www.google.de/", "google / cpc"),
        ("gbraid=x", "", "google / cpc"),
        ("msclkid=x", "https://www.bing.com/", "bing / cpc"),
        ("li_fat_id=x", "https://www.linkedin.com/", "linkedin / cpc"),
        ("ttclid=x", "", "tiktok / cpc"),
        ("fbclid=x", "", "facebook / social"),
        ("fbclid=x", "https://l.instagram.com/", "instagram / social"),
        ("fbclid=x", "https://blog.example/", "blog.example / referral"),
        ("", "https://www.google.com/", "google / organic"),
        ("", "https://www.google.co.uk/", "google / organic"),
        ("", "https://google.com.br:443/", "google / organic"),
        ("", "android-app://com.google.android.googlequicksearchbox/", "google / organic"),
        ("", "https://mail.google.com/", "mail.google.com / referral"),
        ("", "https://www.google.evil.example/", "google.evil.example / referral"),
        ("", "https://de.search.yahoo.com/", "yahoo / organic"),
        ("", "https://duckduckgo.com/", "duckduckgo / organic"),
        ("", "https://yandex.ru/", "yandex / organic"),
        ("", "https://lm.facebook.com/l.php", "facebook / social"),
        ("", "https://t.co/abc", "x / social"),
        ("", "https://de.linkedin.com/", "linkedin / social"),
        ("", "https://notlinkedin.com/", "notlinkedin.com / referral"),
        ("", "https://News.example:8443/story", "news.example / referral"),
        ("", "https://www.acme.example/", None),
        ("", "https://www.acme.example:443/", None),
        ("", "https://acme.example./", None),
        ("", "https://blog.acme.example/", None),
        ("", "https://notacme.example/", "notacme.example / referral"),
        # Nobody's site.
        ("", "http://localhost:3000/", None),
        ("", "http://app.localhost/", None),
        ("", "http://intranet/", None),
        ("", "http://printer.local/", None),
        ("", "http://wiki.home.arpa/", None),
        ("", "http://127.0.0.1:8000/", None),
        ("", "http://127.1/", None),
        ("", "http://203.0.113.7/", None),
        ("", "http://[::1]:3000/", None),
        ("", "http://[2001:db8::1]/", None),
        ("gclid=x", "http://[::1]/", "google / cpc"),
        ("utm_term=x", "", None),
        ("", "", None),
    ],
)
def test_where_no_campaign_is_named_it_is_source_and_medium(query: str, referrer: str, campaign: str | None) -> None:
    assert campaign_of(touch_of(query, referrer, {"www.acme.example"})) == campaign

"""How the texts are formed that keys of workspace files hold."""

from typing import Final

from sequencer.core.duration import UNITS
from sequencer.core.schedule import WEEKDAYS
from sequencer.workspace.shapes import Words, anycase

ANY: Final = Words()
ID: Final = Words("small letters, digits and single hyphens, as `price-faq`", "^[a-z0-9]+(-[a-z0-9]+)*$")
NAME: Final = Words("small letters, digits and underscores, as `current_tool`", "^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
_UNITS: Final = anycase(*UNITS).replace(" ", chr(92) + "s+")
DURATION: Final = Words(
    "a duration as `2 hours`, `3 business days` or `1 week`",
    rf"^\s*[0-9]{{1,9}}\s+({_UNITS})[sS]?\s*$",
)
PAUSE: Final = Words("`pause` and a duration, as `pause 14 days`", rf"^pause\s+[0-9]{{1,9}}\s+({_UNITS})[sS]?\s*$")
_WITHIN_UNITS: Final = anycase("business hour", "business minute", *UNITS).replace(" ", chr(92) + "s+")
WITHIN: Final = Words(
    "a duration as `4 business hours`, `1 business day` or `2 days`",
    rf"^\s*[0-9]{{1,9}}\s+({_WITHIN_UNITS})[sS]?\s*$",
)
DAYS: Final = Words(
    "weekdays as `mon-fri` or `tue`", rf"^\s*({anycase(*WEEKDAYS)})(\s*-\s*({anycase(*WEEKDAYS)}))?\s*$"
)
WINDOW: Final = Words('from when to when, as `"09:00-17:00"`', r"^\s*[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}\s*$")
UNTIL: Final = Words("`until tue 10:00`, `until 09:30` or `until 30 days before renewal_date`", r"^until\s+\S")
MOMENT: Final = Words("a moment as `2026-12-03 10:00`", r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{1,2}:[0-9]{2}$")
BEHAVIOUR: Final = Words('what a lead does, as `visited("/pricing*")` or `replied()`', r"\(.*\)")
TRIGGER: Final = Words('`manual`, `submitted("form")`, `silent("event", "60 days")` and the like')
DATE: Final = Words("a date as `2026-12-21`", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
ZONE: Final = Words("a time zone as `Europe/London`", r"^[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*$")
EMAIL: Final = Words("an email address as `mara@mail.example.com`", r"^\s*\S+@\S+\s*$")
URL: Final = Words("a web address that begins with `https://`", r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$")
DOMAIN: Final = Words("a domain as `reply.example.com`", r"^[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+$")
SHARED: Final = Words("a domain as `agency.example`", r"^[^\s@/*.]+(\.[^\s@/*.]+)+$")
HOST: Final = Words("a host as `www.example.com`", r"^[A-Za-z0-9\-.]+(:[0-9]{1,5})?$")
LOCALE: Final = Words("a language as `en` or `de-AT`", r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8})*$")
POINTS: Final = Words("a whole number of points, as `25` or `-30`", "^-?[0-9]{1,4}$")
PERCENT: Final = Words("a whole number of per cent from 0 to 100, as `50`", "^(100|[0-9]{1,2})%?$")
PATH: Final = Words("where a value stands in JSON, as `data.emails.0.value`", r"^[^\s.]+(\.[^\s.]+)*$")
CONTENT: Final = Words("a content item as `sales/pricing`")

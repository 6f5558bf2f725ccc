"""MJML 4's components as mrml renders them: what may stand in what, and with which attributes.

From the allowedAttributes of mjmlio/mjml's packages and its preset-core/src/dependencies.js.
Left out: mj-include (partials do that), mj-html-attributes (mrml ignores it), mj-carousel (its ids change with every
compilation, and few mail clients show it).
"""

from collections.abc import Mapping
from typing import Final

_CONTENT: Final = frozenset(
    "mj-accordion mj-button mj-divider mj-image mj-raw mj-social mj-spacer mj-table mj-text mj-navbar".split()
)

CHILDREN: Final[Mapping[str, frozenset[str]]] = {
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset("mj-attributes mj-breakpoint mj-font mj-preview mj-style mj-title mj-raw".split()),
    "mj-body": frozenset("mj-raw mj-section mj-wrapper mj-hero".split()),
    "mj-wrapper": frozenset("mj-hero mj-raw mj-section".split()),
    "mj-section": frozenset("mj-column mj-group mj-raw".split()),
    "mj-group": frozenset("mj-column mj-raw".split()),
    "mj-column": _CONTENT,
    "mj-hero": _CONTENT,
    "mj-accordion": frozenset("mj-accordion-element mj-raw".split()),
    "mj-accordion-element": frozenset("mj-accordion-title mj-accordion-text mj-raw".split()),
    "mj-navbar": frozenset("mj-navbar-link mj-raw".split()),
    "mj-social": frozenset("mj-social-element mj-raw".split()),
}
"""Components that hold components, and no text. `mj-attributes` holds any component's name, and mj-all and mj-class."""

HOLDS_HTML: Final = frozenset(
    "mj-accordion-title mj-accordion-text mj-button mj-navbar-link mj-raw mj-social-element mj-table mj-text".split()
)
HOLDS_NOTHING: Final = frozenset("mj-breakpoint mj-divider mj-font mj-image mj-spacer".split())

STRUCTURE: Final = frozenset("mj-body mj-wrapper mj-section mj-group mj-column mj-hero".split())
"""Where a Jinja statement may stand between components; it is put into mj-raw."""

_PADDING: Final = "padding padding-bottom padding-left padding-right padding-top"
_BORDER: Final = "border border-bottom border-left border-radius border-right border-top"
_FONT: Final = "color font-family font-size font-style font-weight line-height text-decoration"
_ICONS: Final = (
    "icon-align icon-height icon-position icon-unwrapped-alt icon-unwrapped-url "
    "icon-width icon-wrapped-alt icon-wrapped-url"
)

_ATTRIBUTES: Final[Mapping[str, str]] = {
    "mjml": "lang dir owa",
    "mj-head": "",
    "mj-attributes": "",
    "mj-breakpoint": "width",
    "mj-font": "name href",
    "mj-preview": "",
    "mj-style": "",
    "mj-title": "",
    "mj-raw": "position",
    "mj-body": "width background-color id",
    "mj-wrapper": f"background-color background-url background-repeat background-size background-position "
    f"background-position-x background-position-y direction full-width text-align text-padding {_BORDER} {_PADDING}",
    "mj-section": f"background-color background-url background-repeat background-size background-position "
    f"background-position-x background-position-y direction full-width text-align text-padding {_BORDER} {_PADDING}",
    "mj-group": "background-color direction vertical-align width",
    "mj-column": f"background-color direction inner-background-color inner-border inner-border-bottom "
    f"inner-border-left inner-border-radius inner-border-right inner-border-top vertical-align width "
    f"{_BORDER} {_PADDING}",
    "mj-hero": f"mode height background-url background-width background-height background-position border-radius "
    f"inner-background-color inner-padding inner-padding-top inner-padding-left inner-padding-right "
    f"inner-padding-bottom background-color vertical-align {_PADDING}",
    "mj-accordion": f"container-background-color border font-family {_ICONS} {_PADDING}",
    "mj-accordion-element": f"background-color border font-family {_ICONS}",
    "mj-accordion-title": f"background-color color font-size font-family font-weight {_PADDING}",
    "mj-accordion-text": f"background-color color font-family font-size font-weight letter-spacing "
    f"line-height {_PADDING}",
    "mj-button": f"align background-color container-background-color height href name title inner-padding "
    f"letter-spacing rel target text-transform vertical-align text-align width {_FONT} {_BORDER} {_PADDING}",
    "mj-divider": f"border-color border-style border-width container-background-color width align {_PADDING}",
    "mj-image": f"alt href name src srcset sizes title rel align container-background-color fluid-on-mobile target "
    f"width height max-height font-size usemap {_BORDER} {_PADDING}",
    "mj-navbar": f"align base-url hamburger ico-align ico-open ico-close ico-color ico-font-size ico-font-family "
    f"ico-text-transform ico-padding ico-padding-left ico-padding-top ico-padding-right ico-padding-bottom "
    f"ico-text-decoration ico-line-height {_PADDING}",
    "mj-navbar-link": f"href name target rel letter-spacing text-transform {_FONT} {_PADDING}",
    "mj-social": f"align border border-radius container-background-color icon-size icon-height icon-padding "
    f"inner-padding mode table-layout text-padding vertical-align {_FONT} {_PADDING}",
    "mj-social-element": f"align icon-position background-color border border-radius href icon-size icon-height "
    f"icon-padding name text-padding rel src srcset sizes alt title target vertical-align {_FONT} {_PADDING}",
    "mj-spacer": f"container-background-color height {_BORDER} {_PADDING}",
    "mj-table": f"align border cellpadding cellspacing container-background-color color font-family font-size "
    f"font-weight line-height role table-layout vertical-align width {_PADDING}",
    "mj-text": f"align background-color container-background-color height letter-spacing text-transform "
    f"vertical-align {_FONT} {_PADDING}",
}

ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    tag: frozenset(names.split()) | {"css-class", "mj-class"} for tag, names in _ATTRIBUTES.items()
}
EVERY_ATTRIBUTE: Final = frozenset().union(*ATTRIBUTES.values())
"""What mj-all and mj-class may set."""

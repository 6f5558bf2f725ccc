"""Tells an automatic reply from a person's."""

import re
from collections.abc import Mapping

_SUBJECT = re.compile(
    r"^\s*(automatic reply|auto(matic)?[- ]?(reply|response)|out of (the )?office|abwesenheit|abwesend\s*:"
    r"|automatische (antwort|reactie)|réponse automatique|absence du bureau|respuesta automática"
    r"|fuera de (la )?oficina|risposta automatica|fuori (dall[’']\s?)?ufficio|automatisch antwoord|afwezig\s*:)",
    re.IGNORECASE,
)


def is_automatic(headers: Mapping[str, str], subject: str, envelope_from: str, content_type: str = "") -> bool:
    """RFC 3834's marks of an automatic message, and those that vendors use besides. Header names in lower case."""
    if headers.get("auto-submitted", "no").partition(";")[0].strip().lower() not in ("", "no"):
        return True
    if any(name in headers for name in ("x-autoreply", "x-autorespond", "x-auto-response-suppress-reply")):
        return True
    if headers.get("precedence", "").strip().lower() in ("auto_reply", "bulk", "junk"):
        return True
    if envelope_from.strip() in ("", "<>") or content_type.lower().startswith("multipart/report"):
        return True
    return _SUBJECT.match(subject) is not None

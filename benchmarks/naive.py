"""What one would write first: one lead, a set of queries, a rendering and a request of the stock client at a time.

Ordinary SQLAlchemy without its ORM, templates compiled once, the mail's whole text in each request, and the same tables
and promises as far as they are simple: the ledger row is committed before the request.
"""

import uuid
from typing import Any

import jinja2
from markupsafe import Markup
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Content, CustomArg, From, Header, Mail, To
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, update

from benchmarks import mailing
from benchmarks.worker import Work
from sequencer.services.release import Releases
from sequencer.settings import Settings
from sequencer.store import clock
from sequencer.store.tables import company, consent, enrollment, lead, message, suppression

CONDITION = 'lead.stage in ["lead", "mql"] and "cost" in lead.pains and lead.employees >= 50'
SENDER, NAME = "mara@mail.acme.example", "Mara at Acme"


def prepare() -> Work:
    settings = Settings.read()
    engine = create_engine(settings.database_url)
    return Sender(settings, engine).work


class Sender:
    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._client = SendGridAPIClient(settings.sendgrid_api_key, settings.sendgrid_host)
        self._public_url = settings.public_url
        escaping, plain = jinja2.Environment(autoescape=True), jinja2.Environment()
        for environment in (escaping, plain):
            environment.globals["link"] = _link if environment is escaping else _plain_link
        with engine.begin() as conn:
            contents = Releases().current(conn).contents
        self._templates = {
            step: (
                plain.from_string(contents[step].subject),
                plain.from_string(contents[step].text),
                escaping.from_string(contents[step].html),
            )
            for step in ("big", "small")
        }
        self._fits = plain.compile_expression(CONDITION)

    def work(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        with self._engine.begin() as conn:
            now = clock.now(conn)
            found = conn.execute(
                select(enrollment)
                .where(enrollment.c.sequence == mailing.SEQUENCE, enrollment.c.position == mailing.POSITION)
                .where(enrollment.c.due_at <= now, enrollment.c.status == "active")
                .order_by(enrollment.c.due_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if found is None:
                return False
            who = conn.execute(select(lead).where(lead.c.id == found.lead_id).with_for_update()).one()
            employer = conn.execute(select(company).where(company.c.id == who.company_id)).one_or_none()
            refused = conn.execute(select(suppression).where(suppression.c.email == who.email)).all()
            conn.execute(select(consent).where(consent.c.email == who.email)).all()
            sent = conn.execute(select(func.count()).where(message.c.lead_id == who.id)).scalar_one()
            known = {**who.fields, **who._mapping}
            step = "big" if self._fits(lead=known) else "small"
            key = {"enrollment_id": found.id, "step": step}
            if refused or sent:
                raise RuntimeError("nobody here is suppressed or was mailed before")
            token = uuid.uuid4().hex
            mail, subject = self._mail(step, known, employer, token, key)
            conn.execute(
                insert(message).values(
                    **key,
                    lead_id=who.id,
                    sequence=mailing.SEQUENCE,
                    deployment=found.deployment,
                    content=step,
                    email=who.email,
                    sender=SENDER,
                    subject=subject,
                    message_id=f"<{token}.1@mail.acme.example>",
                    state="sending",
                    attempt=1,
                    fence=0,
                    request_id=token,
                    sent_at=now,
                )
            )
            at = now.isoformat()
            self._move(
                conn,
                found.id,
                position=":end",
                since=now,
                due_at=None,
                status="finished",
                reason="finished",
                ended_at=now,
                outcomes=[{"step": mailing.POSITION, "outcome": step, "at": at}],
            )
        answer = self._client.send(mail)
        with self._engine.begin() as conn:
            now = clock.now(conn)
            conn.execute(
                update(message)
                .where(message.c.enrollment_id == found.id, message.c.step == step, message.c.state == "sending")
                .values(state="accepted", accepted_at=now, provider_id=answer.headers["X-Message-Id"])
            )
        return True

    def _move(self, conn: Connection, enrollment_id: int, **values: Any) -> None:
        conn.execute(update(enrollment).where(enrollment.c.id == enrollment_id).values(**values))

    def _mail(
        self, step: str, known: dict[str, Any], employer: Any, token: str, key: dict[str, Any]
    ) -> tuple[Mail, str]:
        names = {
            "lead": known,
            "company": employer,
            "brand": {"postal_address": "Acme Ltd, 1 Street, London"},
            "token": token,
            "unsubscribe_url": f"{self._public_url}/u/{token}",
            "preferences_url": f"{self._public_url}/preferences/{token}",
        }
        subject, text, html = (template.render(names) for template in self._templates[step])
        mail = Mail(
            from_email=From(SENDER, NAME),
            to_emails=To(known["email"], f"{known['first_name']} {known['last_name']}"),
            subject=subject,
        )
        mail.add_content(Content("text/plain", text))
        mail.add_content(Content("text/html", html))
        mail.add_header(Header("Message-ID", f"<{token}.1@mail.acme.example>"))
        mail.add_header(Header("List-Unsubscribe", f"<{names['unsubscribe_url']}>"))
        for name, value in key.items():
            mail.add_custom_arg(CustomArg(f"sq_{name}", str(value)))
        return mail, subject


@jinja2.pass_context
def _link(context: jinja2.runtime.Context, name: str, url: str, words: str) -> Markup:
    return Markup(f'<a href="{url}?sq={context["token"]}.1">{words}</a>')


@jinja2.pass_context
def _plain_link(context: jinja2.runtime.Context, name: str, url: str, words: str) -> str:
    return f"{words} ({url}?sq={context['token']}.1)"

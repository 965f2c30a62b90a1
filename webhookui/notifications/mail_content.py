"""What mails say: plain text, and the same as simple HTML with everything from outside escaped (specification section 8)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from markupsafe import Markup, escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import catalog
from webhookui.crm.tables import Record
from webhookui.definitions.tables import Workflow, WorkflowHold
from webhookui.delivery.circuit import names
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.tables import Attempt, Delivery, Endpoint
from webhookui.notifications.tables import Notice
from webhookui.people.tables import User

PRIVATE_LINK = "(a link for the recipient alone)"
"""Stands in a stored mail for an address that nobody else may read (`OutgoingMail.sealed_link`)."""
LONGEST = 1000
"""Characters of one text that comes from outside, such as an error."""


@dataclass(frozen=True)
class MailContent:
    """A mail's content. `facts` are (label, text), `links` (label, URL)."""

    subject: str
    opening: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)

    def text(self) -> str:
        parts = [self.opening]
        if self.facts:
            parts.append("\n".join(f"{label}: {words}" for label, words in self.facts))
        if self.links:
            parts.append("\n".join(f"{label}:\n  {url}" for label, url in self.links))
        parts += ["\n".join(["-- ", *self.closing])] if self.closing else []
        return "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """No script, no picture, nothing from elsewhere: colours follow the reader's program."""
        rows = Markup("").join(
            Markup(
                '<tr><td style="padding:3px 16px 3px 0;vertical-align:top;white-space:nowrap;opacity:.7">{}</td>'
                '<td style="padding:3px 0;vertical-align:top">{}</td></tr>'
            ).format(label, words)
            for label, words in self.facts
        )
        links = Markup("").join(Markup('<p><a href="{}">{}</a></p>').format(url, label) for label, url in self.links)
        closing = Markup("<br>").join(escape(line) for line in self.closing)
        return Markup(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{}</title></head>'
            '<body style="font:15px/1.5 system-ui,sans-serif;max-width:40em"><p>{}</p><table>{}</table>{}'
            '<p style="font-size:13px;opacity:.7">{}</p></body></html>'
        ).format(self.subject, self.opening, rows, links, closing)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Without line breaks and control characters, which have no business in a subject or a fact."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _when(time: datetime, user: User) -> str:
    return time.astimezone(user.zone).strftime("%Y-%m-%d %H:%M %Z")


def _closing(address: str, why: str) -> list[str]:
    return [f"webhookui at {address}", f"You receive this because {why}."]


def failed(session: Session, notice: Notice, user: User, address: str) -> MailContent | None:
    """One failed delivery, or how many of the webhook's have failed since the last mail. None when the log has forgotten it."""
    delivery = session.get(Delivery, notice.delivery_id) if notice.delivery_id is not None else None
    if delivery is None:
        return None
    record = session.get(Record, delivery.record_id) if delivery.record_id is not None else None
    name = one_line(delivery.record_name, 120) or "a record"
    action, workflow = one_line(delivery.action, 120), one_line(delivery.workflow, 120)
    webhook = f"the webhook “{action}” of the workflow “{workflow}”" if workflow else f"the webhook “{action}”"
    if notice.count == 1:
        subject = f"Failed: {action} for {name}"
        opening = f"{webhook[0].upper()}{webhook[1:]} failed for {name}. It will not be tried again."
    else:
        since = _when(notice.since or delivery.created_at, user)
        subject = f"{notice.count} deliveries failed: {action}"
        opening = (
            f"{notice.count} deliveries of {webhook}, created since {since}, have failed and will not be tried again."
        )
    why = "you are an admin" if user.is_admin else "you own the record" if notice.count == 1 else "you own the records"
    return MailContent(
        one_line(subject, 200),
        opening,
        _facts(session, delivery, user, several=notice.count > 1),
        _links(session, delivery, notice, user, address, record is not None),
        _closing(address, why),
    )


def _facts(session: Session, delivery: Delivery, user: User, *, several: bool) -> list[tuple[str, str]]:
    attempt = session.scalar(
        select(Attempt)
        .where(Attempt.delivery_id == delivery.id)  # type: ignore[arg-type]
        .order_by(Attempt.number.desc())  # type: ignore[attr-defined]
        .limit(1)
    )
    name = one_line(delivery.record_name, 120) or "a record"
    facts = [
        ("The last of them" if several else "What", f"delivery {delivery.id} for {name}"),
        ("Request", f"{delivery.method} to {delivery.host}" if delivery.host else "was not sent"),
        ("Why", one_line(delivery.error or "no reason was recorded")),
        ("What to do", one_line(attempt.advice if attempt is not None and attempt.advice else _NOT_SENT)),
        ("Attempts", str(delivery.attempt_count)),
        ("When", _when(delivery.finished_at or delivery.created_at, user)),
        ("Caused by", one_line(delivery.caused_by, 120)),
    ]  # fmt: skip
    return [(label, words) for label, words in facts if words]


_NOT_SENT = "Fix the record or the webhook, then redeliver with the record as it is now."


def _links(
    session: Session, delivery: Delivery, notice: Notice, user: User, address: str, there: bool
) -> list[tuple[str, str]]:
    links = []
    if notice.count > 1 and user.is_admin:
        since = (notice.since or delivery.created_at).astimezone(user.zone)
        filter_args = {"status": "failed", "webhook_id": notice.subject, "since": since.strftime("%Y-%m-%dT%H:%M")}
        links.append((f"All {notice.count} in the webhook log", f"{address}/log?{urlencode(filter_args)}"))
    links.append((f"Delivery {delivery.id} in the webhook log", f"{address}/log/{delivery.id}"))
    if there:
        module = catalog(session).modules.get(delivery.module)
        kind = module.singular.lower() if module is not None else "record"
        links.append((f"The {kind}", f"{address}/records/{delivery.module}/{delivery.record_id}"))
    return links


_WAITS = (
    "Nothing, if the third party fixes it: a delivery is tried from time to time. "
    "“Resume now” and “Fail all” are in the webhook log."
)


def endpoint(session: Session, notice: Notice, user: User, address: str) -> MailContent | None:
    """A webhook or an endpoint that is paused, or sent to again. None when the last mail said the same."""
    row = session.get(Endpoint, notice.subject)
    state = "paused" if row is not None and row.state == "open" else "well"
    if state == (notice.reported_state or "well"):
        return None
    notice.reported_state = state
    name = one_line(names(session, [notice.subject])[notice.subject], 200)
    webhook_id = EndpointKey(notice.subject).webhook_id
    selection = f"webhook_id={webhook_id}" if webhook_id else f"host={name.partition(':')[0]}"
    log = [("Webhook log", f"{address}/log?{selection}")]
    closing = _closing(address, "you are an admin")
    if state == "well":
        which = "of" if webhook_id else "to"
        opening = f"Deliveries {which} {name} are being sent again. What was waiting goes out at a limited rate."
        return MailContent(f"Recovered: {name}", opening, [], log, closing)
    assert row is not None
    facts = [
        ("The last failure", one_line(row.last_error or "")),
        ("Failures in a row", str(row.failures_in_a_row)),
        ("Paused since", _when(row.opened_at, user) if row.opened_at else ""),
        ("What to do", _WAITS),
    ]  # fmt: skip
    if webhook_id:
        fails, waits = "keeps failing", "Its deliveries wait and are sent when it succeeds again."
    else:
        fails, waits = "can’t be reached", "All deliveries to it wait until it answers again."
    opening = f"{name} {fails} and is paused. {waits}"
    shown = [fact for fact in facts if fact[1]]
    return MailContent(one_line(f"Paused: {name} {fails}", 200), opening, shown, log, closing)


_LOOP = (
    "Look at what the third party writes back through the API, and make the workflow's entry criteria ignore it; "
    "then press “Release” in the webhook log, which sends what is waiting, or “Give up all” first."
)


def loop(session: Session, notice: Notice, user: User, address: str) -> MailContent | None:
    """A workflow that is held for a record, or for how many. None when all were released meanwhile."""
    held = select(WorkflowHold).where(
        WorkflowHold.workflow_id == int(notice.subject),  # type: ignore[arg-type]
        WorkflowHold.released_at.is_(None),  # type: ignore[union-attr]
    )
    holds = list(session.scalars(held.order_by(WorkflowHold.at.desc())))  # type: ignore[attr-defined]
    workflow = session.get(Workflow, int(notice.subject))
    if not holds or workflow is None:
        return None
    last, name = holds[0], one_line(workflow.name, 120)
    record = one_line(last.record_name, 120) or "a record"
    which = record if len(holds) == 1 else f"{len(holds)} records"
    opening = f"The workflow “{name}” fires in a loop and is held for {which}. Its deliveries wait; none are lost."
    facts = [
        ("What" if len(holds) == 1 else "The last of them", f"{record}: it fired {last.fired} times within a minute"),
        ("Why", "saves through the API made it fire, most likely by the third party that it calls"),
        ("Since", _when(last.at, user)),
        ("What to do", _LOOP),
    ]
    log = f"{address}/log?workflow_id={workflow.id}"
    links = [
        ("Webhook log", log if len(holds) > 1 else f"{log}&record_id={last.record_id}"),
        ("The workflow", f"{address}/settings/workflows/{workflow.id}"),
    ]
    subject = one_line(f"Held: {name} fires in a loop for {which}", 200)
    return MailContent(subject, opening, facts, links, _closing(address, "you are an admin"))


KINDS: dict[str, Callable[[Session, Notice, User, str], MailContent | None]] = {
    "failed": failed,
    "endpoint": endpoint,
    "loop": loop,
}
"""A notice's kind → what its mail says."""

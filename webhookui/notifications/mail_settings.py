"""The SMTP server: a setting that admins change in the browser (specification section 8). Its password is stored sealed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.orm import Session

from webhookui.core.errors import Invalid
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.people import audit
from webhookui.people.tables import StoredSetting, User

KEY = "smtp"
AGAIN = "Enter the password again: the server or its security has changed."
MISSING = "Enter the password of this user name."
FORM = ("host", "port", "security", "user", "from_address")


@dataclass(frozen=True)
class Security:
    """How the connection is protected: its words, and the port that is usual for it."""

    label: str
    port: int


SECURITIES: dict[str, Security] = {
    "starttls": Security("STARTTLS (usual, port 587)", 587),
    "tls": Security("TLS from the start (port 465)", 465),
    "none": Security("None (only within your own network)", 25),
}


class InvalidMailSettings(Invalid):
    """The settings can't be used like that."""


@dataclass(frozen=True)
class SmtpServer:
    """Everything that is needed to send."""

    host: str
    port: int
    security: str
    from_address: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> tuple[str, int, str]:
        """Where, and how protected, the password goes."""
        return (self.host.lower(), self.port, self.security)


def load(session: Session, box: SecretBox) -> SmtpServer | None:
    """None until an admin has set one. Raises SecretUnreadable."""
    stored = _stored(session)
    if stored is None:
        return None
    sealed = stored.pop("password", None)
    return SmtpServer(**stored, password=box.open(sealed) if sealed else "")


def is_set(session: Session) -> bool:
    return _stored(session) is not None


def shown(session: Session) -> dict[str, Any]:
    """For the form: everything but the password, of which only `has_password` is told."""
    stored = _stored(session) or {}
    return {name: stored.get(name, "") for name in FORM} | {"has_password": bool(stored.get("password"))}


def read_form(session: Session, box: SecretBox, form: Mapping[str, str]) -> SmtpServer:
    """The server of a filled-in form. An empty password stands for the stored one, which goes only to the place that it was
    typed for. Raises InvalidMailSettings.
    """
    errors: dict[str, str] = {}
    host = form.get("host", "").strip().rstrip(".")
    if not host:
        errors["host"] = "Enter the name of the SMTP server."
    elif not re.fullmatch(r"[\w.:-]+", host):
        errors["host"] = f"“{host[:60]}” is not a host such as smtp.example.com."
    security = form.get("security", "starttls")
    if security not in SECURITIES:
        errors["security"] = f"Security is one of: {', '.join(SECURITIES)}."
    port = _port(form.get("port", "").strip(), security, errors)
    sender = _address(form.get("from_address", "").strip(), errors)
    user, password = form.get("user", "").strip(), form.get("password", "")
    if user and not password:
        try:
            stored = load(session, box)
        except SecretUnreadable as error:
            errors["password"] = f"{error} Enter the password again."
        else:
            if stored is None or not stored.password:
                errors["password"] = MISSING
            elif stored.place != (host.lower(), port, security):
                errors["password"] = AGAIN
            else:
                password = stored.password
    elif password and not user:
        errors["user"] = "Enter the user name of this password."
    if not (user + password).isascii():
        errors["user"] = "Only ASCII characters can be used to log in to an SMTP server."
    if errors:
        raise InvalidMailSettings(errors)
    return SmtpServer(host, port, security, sender, user, password)


def save(session: Session, box: SecretBox, server: SmtpServer, by: User) -> None:
    """Stores the server, from now on used by every process."""
    before = _stored(session) or {}
    try:
        stored = load(session, box)
    except SecretUnreadable:
        stored = None
    value = {name: getattr(server, name) for name in FORM}
    details = {name: [before.get(name), value[name]] for name in FORM if before.get(name) != value[name]}
    if server.password != (stored.password if stored is not None else ""):
        details["password"] = audit.SECRET
    value["password"] = box.seal(server.password) if server.password else None
    session.merge(StoredSetting(key=KEY, value=value))
    audit.note(session, by, "changed", "setting", KEY, "Mail", details)


def remove(session: Session, by: User) -> None:
    """Sends nothing from now on; mails are kept."""
    row = session.get(StoredSetting, KEY)
    if row is not None:
        session.delete(row)
        audit.note(session, by, "deleted", "setting", KEY, "Mail")


def reencrypt(session: Session, box: SecretBox) -> int:
    """The stored password under the newest key. Returns how many were rewritten."""
    row = session.get(StoredSetting, KEY)
    if row is None or not row.value.get("password"):
        return 0
    row.value = row.value | {"password": box.reencrypt(row.value["password"])}
    return 1


def _stored(session: Session) -> dict[str, Any] | None:
    row = session.get(StoredSetting, KEY)
    return dict(row.value) if row is not None else None


def _port(text: str, security: str, errors: dict[str, str]) -> int:
    if not text and security in SECURITIES:
        return SECURITIES[security].port
    if text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) < 65536:
        return int(text)
    errors["port"] = "A port is a number from 1 to 65535."
    return 0


def _address(text: str, errors: dict[str, str]) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        errors["from_address"] = f"“{text[:60]}” is not an e-mail address. {error}" if text else "Required."
        return ""

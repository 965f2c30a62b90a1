"""A real SMTP server (aiosmtpd) in a thread: keeps what it is given, and refuses, hangs up or asks for a login as told."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "crm", "a secret for mail"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class MailServer:
    """`to_recipient` and `to_mail`, when given, are called with the address and make the server's answer."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    to_recipient: Callable[[str], str] | None = None
    to_mail: Callable[[str], str] | None = None
    per_connection: int = 1000
    """Mails after which the server closes a connection."""
    logins: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        session.taken = 0  # type: ignore[attr-defined]
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.to_recipient(address) if self.to_recipient else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if session.taken >= self.per_connection:  # type: ignore[attr-defined]
            server.transport.close()
            return "421 too many"
        answer = self.to_mail(envelope.rcpt_tos[0]) if self.to_mail else "250 2.0.0 queued as 4711"
        if answer.startswith("250"):
            session.taken += 1  # type: ignore[attr-defined]
            content = envelope.content
            assert isinstance(content, bytes)
            with self._changed:
                self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
                self._changed.notify_all()
        return answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _way: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.logins[-1] == (USER, PASSWORD), handled=False)

    def wait_for(self, number: int, timeout_s: float = 20.0) -> list[EmailMessage]:
        """Waits until so many mails have come; fails when they don't."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.mails) >= number, timeout_s)
        assert done, f"{len(self.mails)} mails came, not {number}"
        return self.mails

    def receivers(self) -> list[str]:
        return sorted(str(mail["To"]).partition("@")[0] for mail in self.mails)


@contextmanager
def mail_server(
    *, port: int = 0, tls: Path | None = None, security: str = "none", login: bool = False
) -> Iterator[MailServer]:
    """`tls`: folder of `self_made_certificate`; `security`: as in the settings of mail."""
    server = MailServer(port or free_port())
    options: dict[str, Any] = {}
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "certificate.pem", tls / "key.pem")
        options = {"ssl_context": context} if security == "tls" else {"tls_context": context, "require_starttls": True}
    if login:
        options |= {
            "authenticator": server.authenticate,
            "auth_required": True,
            "auth_require_tls": security == "starttls",
        }
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def self_made_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key; who trusts `certificate.pem` trusts it. Returns its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the tests")])
    time = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(time - timedelta(days=1))
        .not_valid_after(time + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem"

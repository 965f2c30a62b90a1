"""Certificates for tests, and a TLS server that presents them."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.raw_server import Behaviour, raw_server


class Authority:
    """A certificate authority in a folder; `ca_file` is what its clients trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _certificate("Test authority", self._key, None, self._key, authority=True)
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, kind: str = "") -> Path:
        """A file with a key and a certificate for `name`, which may be an address.

        `kind`: "", "expired", "not yet", "self-signed", "incomplete" (by an intermediate authority that is not sent) or
        "stranger" (by an authority that is sent and unknown).
        """
        key = ec.generate_private_key(ec.SECP256R1())
        signer, issuer, sent = self._key, self._certificate, b""
        if kind == "self-signed":
            signer, issuer = key, None  # type: ignore[assignment]
        elif kind in ("incomplete", "stranger"):
            signer = ec.generate_private_key(ec.SECP256R1())
            above = (self._certificate, self._key) if kind == "incomplete" else (None, signer)
            issuer = _certificate("Another authority", signer, *above, authority=True)
            sent = issuer.public_bytes(serialization.Encoding.PEM) if kind == "stranger" else b""
        days = {"expired": -30, "not yet": 10}.get(kind, -1)
        certificate = _certificate(name, key, issuer, signer, days=days)
        path = self._folder / f"{name}-{kind}.pem"
        plain = serialization.NoEncryption()
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
            + certificate.public_bytes(serialization.Encoding.PEM)
            + sent
        )
        return path


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    days: int = -1,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    time = datetime.now(UTC) + timedelta(days=days)
    try:
        known_as: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        known_as = x509.DNSName(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(time)
        .not_valid_after(time + timedelta(days=20))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([known_as]), critical=False)
    return builder.sign(signer, hashes.SHA256())


@contextmanager
def tls_server(
    certificate: Path, behaviour: Behaviour, set_up: Callable[[ssl.SSLContext], None] = lambda _context: None
) -> Iterator[str]:
    """Yields the server's URL. A client that breaks the handshake off is no error. `set_up` makes the server a special one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    set_up(context)

    def serve(connection: socket.socket, number: int) -> None:
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
            try:
                secured.do_handshake()
            except ssl.SSLError:
                # What the client has sent by now is read, or the reset would take the alert away from it.
                secured.settimeout(5)
                while socket.socket.recv(secured, 65536):
                    pass
                raise
            behaviour(secured, number)

    with raw_server(serve) as url:
        yield url.replace("http://", "https://")

"""Talking to the SMTP server, by the standard library; what goes wrong is said in plain words with the server's own."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any

from webhookui.notifications.mail_settings import SmtpServer

TIMEOUT_S = 15.0
"""For each answer of the server."""


class ServerUnusable(Exception):
    """The server can't be used now: no fault of a mail's. The text is for people."""


class MailRefused(Exception):
    """The server took the connection and refused this mail. `for_good`: asking again can't help."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


class _KeepsAnswer:
    """Remembers what the server said to a mail, which smtplib drops."""

    answer = ""

    def data(self, message: Any) -> tuple[int, bytes]:
        code, words = super().data(message)  # type: ignore[misc]
        self.answer = f"{code} {_text(words)}"
        return code, words


class _Plain(_KeepsAnswer, smtplib.SMTP):
    pass


class _Tls(_KeepsAnswer, smtplib.SMTP_SSL):
    pass


class Connection:
    """An open connection, logged in."""

    def __init__(self, server: SmtpServer, client: _Plain | _Tls) -> None:
        self._server = server
        self._client = client

    def send(self, message: EmailMessage, to: str) -> str:
        """Returns the server's words. Raises MailRefused, ServerTrouble."""
        try:
            self._client.send_message(message, self._server.from_address, [to])
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise MailRefused(f"{code} {_text(answer)}", for_good=code >= 500) from error
        except smtplib.SMTPDataError as error:
            raise MailRefused(
                f"{error.smtp_code} {_text(error.smtp_error)}", for_good=error.smtp_code >= 500
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            words = f"{self._server.host} can't send to an address with such characters."
            raise MailRefused(words, for_good=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ServerUnusable(_words(error, self._server)) from error
        return self._client.answer


@contextmanager
def connected(server: SmtpServer) -> Iterator[Connection]:
    """Connects, protects and logs in. Raises ServerTrouble."""
    try:
        client = _open(server)
    except (OSError, smtplib.SMTPException) as error:
        raise ServerUnusable(_words(error, server)) from error
    try:
        yield Connection(server, client)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            client.quit()
        client.close()


def _open(server: SmtpServer) -> _Plain | _Tls:
    # smtplib would ask DNS for this machine's full name, which may take its time.
    own_name = socket.gethostname() or "localhost"
    client: _Plain | _Tls
    if server.security == "tls":
        context = ssl.create_default_context()
        client = _Tls(server.host, server.port, own_name, timeout=TIMEOUT_S, context=context)
    else:
        client = _Plain(server.host, server.port, own_name, timeout=TIMEOUT_S)
    try:
        if server.security == "starttls":
            client.starttls(context=ssl.create_default_context())
        if server.user:
            client.login(server.user, server.password)
    except BaseException:
        client.close()
        raise
    return client


def _words(error: Exception, server: SmtpServer) -> str:
    """What went wrong and what to do about it; never the password, should the server repeat it."""
    place = f"{server.host}:{server.port}"
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, TimeoutError):
        error = error.__context__
    if isinstance(error, smtplib.SMTPAuthenticationError):
        words = f"{server.host} refused the login: {_answer(error)}. Enter the user name and password again."
    elif isinstance(error, smtplib.SMTPSenderRefused):
        words = (
            f"{server.host} refused the sender {server.from_address}: {_answer(error)}. "
            "Use an address that belongs to the account."
        )
    elif isinstance(error, smtplib.SMTPResponseException) and error.smtp_code == -1:
        words = f"{place} does not speak SMTP. Check the port."
    elif isinstance(error, smtplib.SMTPResponseException):
        words = f"{server.host} answered {_answer(error)}."
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        words = f"{place} can't do that: {error} Choose another security, or leave the user name empty."
    elif isinstance(error, smtplib.SMTPServerDisconnected):
        words = f"{place} closed the connection ({error}). Check port and security."
    elif isinstance(error, ssl.SSLCertVerificationError):
        words = f"The certificate of {place} is not trusted: {error.verify_message}."
    elif isinstance(error, ssl.SSLError):
        words = f"No secure connection to {place}: {error.reason or error}. Check port and security."
    elif isinstance(error, socket.gaierror):
        words = f"The name {server.host} was not found. Check its spelling."
    elif isinstance(error, TimeoutError):
        words = f"{place} did not answer within {TIMEOUT_S:g} s. Check port and security, and whether a firewall is in the way."
    elif isinstance(error, ConnectionRefusedError):
        words = f"{place} refused the connection: nothing listens there. Check host and port."
    else:
        words = f"The connection to {place} failed: {error}."
    return words.replace(server.password, "••••••") if server.password else words


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}".rstrip(".")


def _text(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join(text.split())[:500]

"""What `webhookui doctor` says of mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mail_server import PASSWORD, USER, free_port, mail_server, self_made_certificate
from tests.support.team import Team
from webhookui.core.database import now
from webhookui.doctor import Check, checks
from webhookui.installation import Installation
from webhookui.notifications import mail_settings, outgoing_mail
from webhookui.notifications.mail_content import MailContent
from webhookui.notifications.mail_settings import SmtpServer


def about_mail(installation: Installation) -> Check:
    return next(check for check in checks(installation.settings) if check.name == "mail")


def use(installation: Installation, team: Team, port: int, password: str = PASSWORD) -> None:
    server = SmtpServer("127.0.0.1", port, "starttls", "crm@example.com", USER, password)
    with installation.db.write() as session:
        mail_settings.save(session, installation.box, server, team.ann)


def test_no_server_is_no_mistake_and_a_server_is_tried(
    installation: Installation, team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation.db.write() as session:
        outgoing_mail.add(session, "ann@example.com", MailContent("One", "Words"), 1, now())
    check = about_mail(installation)
    assert check.good and "no SMTP server is set" in check.words
    monkeypatch.setenv("SSL_CERT_FILE", str(self_made_certificate(tmp_path)))
    with mail_server(tls=tmp_path, security="starttls", login=True) as server:
        use(installation, team, server.port)
        check = about_mail(installation)
        assert check.good and "can be used (1 waiting, 0 kept, 0 failed)" in check.words
        assert server.mails == []
        use(installation, team, server.port, "planted-wrong")
        check = about_mail(installation)
        assert not check.good and "refused the login: 535" in check.words
        assert "planted" not in check.words
    use(installation, team, free_port())
    check = about_mail(installation)
    assert not check.good and "refused the connection" in check.words and "Settings → Mail" in check.fix


def test_a_password_that_cant_be_read_is_told(installation: Installation, team: Team) -> None:
    use(installation, team, 587)
    installation.settings.key_file.unlink()
    assert not about_mail(installation).good

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


def about_mail(here: Installation) -> Check:
    return next(check for check in checks(here.settings) if check.name == "mail")


def use(here: Installation, team: Team, port: int, password: str = PASSWORD) -> None:
    server = SmtpServer("127.0.0.1", port, "starttls", "crm@example.com", USER, password)
    with here.db.write() as session:
        mail_settings.save(session, here.box, server, team.ann)


def test_no_server_is_no_mistake_and_a_server_is_tried(
    here: Installation, team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with here.db.write() as session:
        outgoing_mail.add(session, "ann@example.com", MailContent("One", "Words"), 1, now())
    found = about_mail(here)
    assert found.good and "no SMTP server is set" in found.words
    monkeypatch.setenv("SSL_CERT_FILE", str(self_made_certificate(tmp_path)))
    with mail_server(tls=tmp_path, security="starttls", login=True) as server:
        use(here, team, server.port)
        found = about_mail(here)
        assert found.good and "can be used (1 waiting, 0 kept, 0 failed)" in found.words
        assert server.mails == []
        use(here, team, server.port, "planted-wrong")
        found = about_mail(here)
        assert not found.good and "refused the login: 535" in found.words
        assert "planted" not in found.words
    use(here, team, free_port())
    found = about_mail(here)
    assert not found.good and "refused the connection" in found.words and "Settings → Mail" in found.fix


def test_a_password_that_cant_be_read_is_told(here: Installation, team: Team) -> None:
    use(here, team, 587)
    here.settings.key_file.unlink()
    assert not about_mail(here).good

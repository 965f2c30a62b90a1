"""Who may come in where: every route of pages and API × a stranger, a user, an admin, somebody deactivated
(specification section 9).

A new route fails here until it has been put into the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import log_rows, pages
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.people import accounts, tokens

PUBLIC, USER, ADMIN, OWNER = "everybody", "who is logged in", "an admin", "an admin, or the owner of the record"

DOORS: dict[str, str] = {
    **dict.fromkeys(
        ("start.home", "start.setup", "start.login", "start.logout", "health.healthz", "health.readyz", "inspector.receive",
         "set_password.by_link", "set_password.forgotten", "notifications.live", "static", "bootstrap.static",
         "api.openapi_document"),
        PUBLIC,
    ),
    **dict.fromkeys(
        ("account.show", "account.profile", "account.theme", "account.password", "account.create_token", "account.revoke_token",
         "notifications.index", "notifications.read", "notifications.read_all", "records.home", "records.index",
         "records.create", "records.update", "records.show", "records.ask_delete", "records.delete", "records.restore",
         "deleted.index", "deleted.show", "records.edit", "records.field",
         "records.update_field", "records.edit_field", "records.live", "records.timeline", "records.new", "records.pick",
         "records.import_page", "records.upload", "records.import_plan", "records.choose_plan", "records.export",
         "api.import_records", "api.export_records",
         "records.board_live", "records.choose_column", "records.move_card",
         "records.search", "records.choose_columns", "records.save_view", "records.delete_view",
         "api.list_modules", "api.get_module", "api.list_records", "api.create_record", "api.get_record",
         "api.change_record", "api.delete_record", "api.get_job", "api.cancel_job", "api.get_rejected_rows", "api.change_records",
         "api.restore_record", "api.list_deleted",
         "records.ask_many", "records.start_many", "jobs.index", "jobs.show", "jobs.cancel", "jobs.rejected"),
        USER,
    ),
    **dict.fromkeys(("log.show", "log.panel", "log.body"), OWNER),
    **dict.fromkeys(
        ("api.list_deliveries", "api.get_delivery", "api.redeliver_delivery",
         "api.try_delivery_now", "api.give_up_delivery", "api.list_workflows", "api.create_workflow",
         "api.get_workflow", "api.replace_workflow", "api.delete_workflow", "api.explain_workflow", "api.run_workflow",
         "health.metrics",
         "api.list_holds", "api.release_workflow", "workflows.release", "workflows.give_up_held",
         "dashboard.index", "dashboard.live",
         "inspector.index", "inspector.show", "inspector.clear", "inspector.live", "inspector.script",
         "inspector.start_over", "log.index", "log.live", "log.fail_all", "log.resume",
         "log.try_now", "log.give_up", "redeliveries.redeliver_one",
         "redeliveries.redeliver_selected", "redeliveries.create", "redeliveries.index", "redeliveries.show",
         "redeliveries.cancel", "redeliveries.new", "redeliveries.running", "records.workflows", "settings.index",
         "audit.index", "settings.network", "settings.save_network", "settings.save_retention_periods",
         "users.index", "users.invite", "users.new", "users.show",
         "users.update", "users.set_active", "users.records", "users.create_link",
         "mail.server", "mail.save", "mail.outgoing_list", "mail.show", "mail.download", "mail.send_one", "mail.send_kept",
         "deleted.ask_remove", "deleted.remove",
         "mail.try_now", "mail.remove", "mail.test", "settings.retention_periods", "fields.index", "fields.show", "fields.create",
         "fields.edit", "fields.update", "fields.move", "fields.ask", "fields.remove", "fields.new", "webhook_form.curl",
         "webhook_form.fields", "webhook_form.preview", "webhook_form.recipe", "webhook_form.response",
         "webhook_form.rotate", "webhook_form.sample", "webhook_form.taken", "webhook_form.test", "webhook_form.test_result",
         "workflows.index", "workflows.end_waiting", "workflows.create", "workflows.edit", "workflows.replace",
         "workflows.switch", "workflows.delete",
         "workflows.duplicate", "workflows.explain", "workflows.export", "workflows.condition", "workflows.draft",
         "workflows.import_page", "workflows.import_document", "workflows.new", "currency.show", "currency.choose",
         "api.create_field", "api.change_field", "api.delete_field"),
        ADMIN,
    ),
}  # fmt: skip
"""Endpoint → who may come in."""

LAST = {"account.revoke_token": 1, "start.logout": 2}

LETS_IN = {
    "a stranger": {PUBLIC},
    "somebody deactivated": {PUBLIC},
    "a user": {PUBLIC, USER},
    "the owner": {PUBLIC, USER, OWNER},
    "an admin": {PUBLIC, USER, ADMIN, OWNER},
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("doors")) as app:
        yield app


def visitor(app: Flask, who: str, record_id: int = 0) -> tuple[FlaskClient, dict[str, str]]:
    """A browser that is logged in as they are, and the headers of their API token."""
    if who == "a stranger":
        return app.test_client(), {}
    email, role = who.replace(" ", ".") + "@example.com", "admin" if who == "an admin" else "user"
    client = pages._logged_in(app, email, pages.ADMIN[1], role)
    with app.extensions["webhookui"].db.write() as session:
        user = accounts.by_email(session, email)
        token = tokens.create(session, user, "tests")
        if who == "the owner":
            records.update(session, "deals", record_id, {"owner": user.id}, Actor("person", "Ann"), run_workflows=False)
        if who == "somebody deactivated":
            accounts.change_user(session, user, active=False, by=user)
    return client, {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("who", LETS_IN)
def test_every_route_lets_in_whom_it_is_for_and_nobody_else(app: Flask, who: str) -> None:
    pages.admin(app)
    with app.extensions["webhookui"].db.write() as session:
        record = records.create(session, "deals", {"name": who}, Actor("person", "Ann"), run_workflows=False).id or 0
        log_rows.add_webhook(session)
        delivery = log_rows.add_failed(session, module="deals", record_id=record).id
    client, headers = visitor(app, who, record)
    rules = [
        (rule, method) for rule in app.url_map.iter_rules() for method in sorted((rule.methods or {"GET"}) - {"HEAD", "OPTIONS"})
    ]  # fmt: skip
    assert {rule.endpoint for rule, _ in rules} == set(DOORS), "say in DOORS whom a new route is for"
    let_in: dict[str, bool] = {}
    # Reading first: what is changed and deleted is there until then. What ends the token and the session comes last.
    for rule, method in sorted(rules, key=lambda item: (item[1] != "GET", LAST.get(item[0].endpoint, 0))):
        path = rule.rule.replace("<module>", "deals").replace("<int:delivery_id>", str(delivery))
        path = path.replace("<int:record_id>", str(record))
        path = re.sub(r"<[^>]+>", "1", path)
        answer = client.open(
            path, method=method, headers=headers if rule.endpoint.startswith(("api.", "health.")) else {}
        )
        let_in[f"{method} {rule.endpoint}"] = not _refused(answer, rule.endpoint)
    expected = {place: DOORS[place.split()[1]] in LETS_IN[who] for place in let_in}
    assert {place: let_in[place] for place in expected if let_in[place] != expected[place]} == {}


def _refused(answer: Any, endpoint: str) -> bool:
    to_login = answer.headers.get("Location", "").startswith("/login") and endpoint not in (
        "start.home",
        "start.logout",
    )
    return answer.status_code in (401, 403) or (to_login and endpoint != "start.setup")


def test_who_may_not_open_the_log_is_offered_no_link_into_it(app: Flask) -> None:
    pages.admin(app)
    with app.extensions["webhookui"].db.write() as session:
        record = records.create(session, "deals", {"name": "Seen"}, Actor("person", "Ann"), run_workflows=False).id
        delivery = log_rows.add_failed(session, module="deals", record_id=record).id
    page = f"/records/deals/{record}"
    user, _ = visitor(app, "a user")
    shown = user.get(page).text
    assert f'id="delivery-{delivery}"' in shown and 'href="/log' not in shown
    with app.extensions["webhookui"].db.write() as session:
        me = accounts.by_email(session, "a.user@example.com")
        records.update(session, "deals", record or 0, {"owner": me.id}, Actor("person", "Ann"), run_workflows=False)
    shown = user.get(page).text
    links = set(re.findall(r'href="(/log[^"]*)"', shown))
    assert f"/log/{delivery}" in links and all(re.fullmatch(r"/log/\d+", link) for link in links)
    detail = user.get(f"/log/{delivery}")
    assert detail.status_code == 200 and 'href="/log"' not in detail.text and 'href="/log?' not in detail.text
    assert "/log/live" not in detail.text and f'href="{page}"' in detail.text

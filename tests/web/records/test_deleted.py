"""Pages of deleted records over HTTP, without JavaScript (specification section 2)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import log_rows, pages
from webhookui.core.database import now
from webhookui.crm import deleted_records, history, records
from webhookui.crm.deleted_records import NotDeleted
from webhookui.crm.records import Actor, RecordDeleted
from webhookui.crm.tables import Change, DeletedRecord

EVA = Actor("person", "Eva")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("deleted")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture(scope="module")
def sam(app: Flask) -> FlaskClient:
    return pages.user(app)


def make(app: Flask, module: str, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        return records.create(session, module, values, EVA).id or 0


def delete(app: Flask, module: str, record_id: int) -> None:
    with app.extensions["webhookui"].db.write() as session:
        records.delete(session, module, record_id, EVA)


def stored(app: Flask, module: str, record_id: int) -> records.Record:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, module, record_id)


def words_of(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def hidden(page: str) -> list[tuple[str, str]]:
    """What the page's form would send, unchanged."""
    form = page[page.index("<main") :]
    pairs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
    return [(name, html.unescape(value)) for name, value in pairs]


def test_deleting_asks_first_and_says_what_refers_to_the_record(app: Flask, sam: FlaskClient) -> None:
    contact = make(app, "contacts", last_name="Leaver")
    for number in range(2):
        make(app, "deals", name=f"Deal {number}", contact=contact)
    make(app, "tasks", subject="Call", contact=contact)
    place = f"/records/contacts/{contact}"
    record_page, page = sam.get(place).text, sam.get(f"{place}/delete").text
    assert f'href="{place}/delete"' in record_page
    for text in (record_page, page):
        assert f'href="/records/deals?filter%5Bcontact%5D={contact}">2 deals</a>' in text
        assert f'href="/records/tasks?filter%5Bcontact%5D={contact}">1 task</a>' in text
        assert "They stay, with that reference empty." in text and "can be restored for 30 days" in text
    assert stored(app, "contacts", contact).name == "Leaver", "asking deletes nothing"
    answer = sam.post(f"{place}/delete", follow_redirects=True)
    assert "Contact Leaver was deleted." in answer.text and f'action="{place}/restore"' in answer.text
    assert "Undo" in answer.text
    undone = sam.post(f"{place}/restore", follow_redirects=True)
    assert undone.request.path == place and "Contact Leaver was restored." in undone.text


def test_links_to_a_deleted_record_lead_to_its_page(app: Flask, sam: FlaskClient) -> None:
    contact = make(app, "contacts", last_name="Linked", email="linked@example.com")
    delete(app, "contacts", contact)
    place = f"/records/contacts/{contact}"
    for path in ("", "/edit", "/delete", "/fields/email", "/fields/email/edit"):
        assert sam.get(place + path).location == f"/records/deleted/{contact}", path
    assert sam.post(f"{place}/delete").location == f"/records/deleted/{contact}"
    in_place = sam.get(f"{place}/fields/email/edit", headers={"HX-Request": "true"})
    assert in_place.headers["HX-Redirect"] == f"/records/deleted/{contact}"
    assert sam.get(f"/records/deals/{contact}").status_code == 404, "it is no deal"
    page = words_of(sam.get(f"/records/deleted/{contact}").text)
    assert "linked@example.com" in page and "Eva deleted it at" in page and "Eva created it" in page
    assert "1 value then" not in page and "values then" in page
    assert sam.get(f"{place}/timeline").status_code == 200


def test_a_log_entry_leads_to_the_deleted_record(app: Flask, ann: FlaskClient) -> None:
    contact = make(app, "contacts", last_name="Logged")
    with app.extensions["webhookui"].db.write() as session:
        log_rows.add_webhook(session)
        delivery = log_rows.add_failed(session, module="contacts", record_id=contact).id
    delete(app, "contacts", contact)
    assert f'href="/records/contacts/{contact}"' in ann.get(f"/log/{delivery}").text
    shown = ann.get(f"/records/contacts/{contact}", follow_redirects=True)
    assert shown.request.path == f"/records/deleted/{contact}" and f'href="/log/{delivery}"' in shown.text


def test_the_list_is_searched_and_a_filter_that_can_not_be_read_says_so(app: Flask, sam: FlaskClient) -> None:
    contact, deal = make(app, "contacts", last_name="Findme"), make(app, "deals", name="Findme order")
    delete(app, "contacts", contact)
    delete(app, "deals", deal)

    def shown(query: str) -> list[int]:
        page = sam.get(f"/records/deleted?{query}").text
        return [int(number) for number in re.findall(r'"list-name"><a href="/records/deleted/(\d+)"', page)]

    today = now().date()
    assert shown("q=findme") == [deal, contact] and shown("q=findme&module=contacts") == [contact]
    assert shown(f"q=findme&from={today - timedelta(days=1)}&to={today + timedelta(days=1)}") == [deal, contact]
    assert shown(f"q=findme&to={today - timedelta(days=2)}") == [] and shown("q=findme&by=1") == []
    for query in ("from=yesterday", "to=9999-12-31", "module=nothing"):
        page = sam.get(f"/records/deleted?q=findme&{query}")
        assert page.status_code == 200 and shown(f"q=findme&{query}") == [], query
        assert "is not a date" in page.text or "There is no module" in page.text
    assert "Nothing found" in sam.get("/records/deleted?q=nosuchwordanywhere").text


def test_the_list_has_pages(app: Flask, sam: FlaskClient) -> None:
    leads = [make(app, "leads", last_name=f"Lead {number}") for number in range(60)]
    for number in leads:
        delete(app, "leads", number)
    first = sam.get("/records/deleted?module=leads").text
    following = re.search(r'href="([^"]*)" rel="next"', first)
    assert following
    second = sam.get(html.unescape(following[1])).text
    assert first.count('class="list-name"') == 50 and second.count('class="list-name"') == 10
    before = re.search(r'href="([^"]*)" rel="prev"', second)
    assert before and sam.get(html.unescape(before[1])).text.count('class="list-name"') == 50


def test_a_restoration_says_what_could_not_be_set_again(app: Flask, sam: FlaskClient) -> None:
    contact = make(app, "contacts", last_name="Target")
    deal = make(app, "deals", name="Pointing", contact=contact)
    delete(app, "deals", deal)
    delete(app, "contacts", contact)
    answer = sam.post(f"/records/deals/{deal}/restore", follow_redirects=True)
    assert answer.request.path == f"/records/deals/{deal}"
    assert "Deal Pointing was restored. Contact is empty: Target is deleted too." in words_of(answer.text)
    again = sam.post(f"/records/deals/{deal}/restore")
    assert again.location == f"/records/deals/{deal}", "somebody else may have restored it already"
    assert sam.post("/records/deals/999999/restore").status_code == 404


def test_only_an_admin_deletes_for_good_and_is_asked_first(app: Flask, ann: FlaskClient, sam: FlaskClient) -> None:
    contact = make(app, "contacts", last_name="Forever")
    delete(app, "contacts", contact)
    place = f"/records/deleted/{contact}"
    assert "Delete for good" not in sam.get(place).text and "Delete for good" in ann.get(place).text
    assert sam.get(f"{place}/remove").status_code == 403 and sam.post(f"{place}/remove").status_code == 403
    assert "Nobody can restore it then." in ann.get(f"{place}/remove").text
    with app.extensions["webhookui"].db.read() as session:
        assert session.get(DeletedRecord, contact) is not None
    answer = ann.post(f"{place}/remove", follow_redirects=True)
    assert f"Contact #{contact} was deleted for good." in answer.text
    with app.extensions["webhookui"].db.read() as session:
        assert history.timeline(session, contact) == []
        with pytest.raises(NotDeleted):
            deleted_records.get(session, contact)
    assert ann.get(place).status_code == 404 and ann.get(f"/records/contacts/{contact}").status_code == 404
    assert f"Contact #{contact}" in ann.get("/settings/audit").text and "Forever" not in ann.get("/settings/audit").text


# ---- saved after somebody deleted it ----------------------------------------------------------------------------------


def test_who_saves_a_deleted_record_is_told_and_can_restore_it_with_what_was_typed(
    app: Flask, sam: FlaskClient
) -> None:
    deal = make(app, "deals", name="Shared", amount="10", next_step="Call")
    place = f"/records/deals/{deal}"
    sent = [pair for pair in hidden(sam.get(f"{place}/edit").text) if pair[0] != "owner"]
    delete(app, "deals", deal)
    typed = [*sent, ("name", "Shared"), ("amount", "1250.50"), ("next_step", "Write"), ("close_date", "nonsense")]
    data: dict[str, Any] = {}
    for name, value in typed:
        data.setdefault(name, []).append(value)
    answer = sam.post(place, data=data)
    assert answer.status_code == 409
    page = words_of(answer.text)
    assert "While you were editing, Eva deleted Shared at" in page and "nothing is lost" in page
    assert "1,250.50" in page and "Write" in page and "nonsense" in page
    with pytest.raises(RecordDeleted):
        stored(app, "deals", deal)
    # What can't be saved is told at its field, as ever; the record is there again, and the form knows it.
    again: dict[str, Any] = {}
    for name, value in hidden(answer.text):
        again.setdefault(name, []).append(value)
    refused = sam.post(place, data=again)
    assert refused.status_code == 422 and "is not a date" in refused.text and 'value="1250.50"' in refused.text
    assert "Deal Shared was restored." in refused.text and stored(app, "deals", deal).values["amount"] == 10
    again["close_date"] = ""
    again["version"] = re.search(r'name="version" value="(\d+)"', refused.text)[1]  # type: ignore[index]
    saved = sam.post(place, data=again, follow_redirects=True)
    assert saved.request.path == place
    values = stored(app, "deals", deal).values
    assert (str(values["amount"]), values["next_step"]) == ("1250.50", "Write")


def test_one_field_saved_in_place_is_kept_too(app: Flask, sam: FlaskClient) -> None:
    deal = make(app, "deals", name="In place", amount="10")
    place = f"/records/deals/{deal}/fields/amount"
    delete(app, "deals", deal)
    form = {"on_form": "amount", "amount": "77", "version": "1"}
    for headers in ({"HX-Request": "true"}, {}):
        answer = sam.post(place, data=form, headers=headers)
        assert answer.status_code == 409 and "Eva deleted this record" in words_of(answer.text), headers
        assert 'value="77"' in answer.text and "Restore and save" in answer.text
    assert ("restore", "1") in hidden(answer.text)
    saved = sam.post(place, data=form | {"restore": "1"}, headers={"HX-Request": "true"})
    assert saved.status_code == 200 and "77" in saved.text
    assert stored(app, "deals", deal).values["amount"] == 77


def test_an_open_page_is_told_once_that_its_record_was_deleted(app: Flask, sam: FlaskClient) -> None:
    deal = make(app, "deals", name="Watched")
    delete(app, "deals", deal)
    live = sam.get(f"/records/deals/{deal}/live?token=x&version=1", headers={"HX-Request": "true"})
    assert live.status_code == 200 and "Eva deleted this record" in words_of(live.text)
    assert 'hx-swap-oob="true"' in live.text and 'data-gone="1"' in live.text
    assert sam.get(f"/records/deals/{deal}/live?token=x&version=1&gone=1").status_code == 204


def test_why_did_it_fire_says_that_a_restoration_runs_no_workflows(app: Flask, ann: FlaskClient) -> None:
    deal = make(app, "deals", name="Explained")
    delete(app, "deals", deal)
    ann.post(f"/records/deals/{deal}/restore")
    with app.extensions["webhookui"].db.write() as session:
        workflow = session.get(log_rows.WorkflowAction, log_rows.add_webhook(session)).workflow_id
        change = history.timeline(session, deal)[0]
        assert isinstance(change, Change) and change.kind == "restore"
    explained = ann.get(f"/settings/workflows/{workflow}/explain?record_id={deal}&change_id={change.id}").text
    assert "Restored by Ann" in words_of(explained)
    assert "<strong>Ann</strong> restored it" in ann.get(f"/records/deals/{deal}").text

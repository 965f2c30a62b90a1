"""Records of somebody who has left: counted, found in every list, ready to be handed over (specification section 9)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import BOTH, database_url
from tests.support import pages
from webhookui.crm import listing, ownership, records
from webhookui.crm.catalog import catalog
from webhookui.crm.records import Actor
from webhookui.people import accounts


@pytest.fixture(params=BOTH, scope="module")
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("leaving")
    with pages.app_in(folder, database_url(request.param, request)) as app:
        pages.admin(app)
        db = app.extensions["webhookui"].db
        with db.write() as session:
            for name in ("otto", "olga"):
                accounts.create_user(session, email=f"{name}@example.com", name=name.title(), password="p" * 10)
            otto = accounts.by_email(session, "otto@example.com")
            ann = Actor("person", "Ann")
            for module, values in (
                ("deals", {"name": "Shop"}),
                ("deals", {"name": "Till"}),
                ("contacts", {"last_name": "Fox"}),
            ):
                records.create(session, module, values | {"owner": otto.id}, ann, run_workflows=False)
            records.create(session, "deals", {"name": "Nobody's", "owner": None}, ann, run_workflows=False)
            for name in ("otto", "olga"):
                user = accounts.by_email(session, f"{name}@example.com")
                accounts.change_user(session, user, by=user, active=False)
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


def id_of(app: Flask, email: str) -> int:
    with app.extensions["webhookui"].db.read() as session:
        return accounts.by_email(session, email).id or 0


def test_the_users_page_counts_what_is_to_be_handed_over_and_leads_to_the_lists(app: Flask, ann: FlaskClient) -> None:
    otto = id_of(app, "otto@example.com")
    shown = ann.get(f"/settings/users/{otto}").text
    assert "Hand over 3 records" in shown and f'href="/settings/users/{otto}/records"' in shown
    page = ann.get(f"/settings/users/{otto}/records").text
    links = re.findall(r'href="(/records/[^"]+owner[^"]+)"', page)
    names = ("contacts", "deals")
    assert links[::2] == [f"/records/{name}?filter[owner]={otto}" for name in names]
    for name, link in zip(names, links[1::2], strict=True):
        asked = ann.get(html.unescape(link)).text
        assert f"Change the owner of {2 if name == 'deals' else 1}" in asked
    deals = ann.get(links[2]).text
    assert "Shop" in deals and "Till" in deals and "Nobody" not in re.sub(r"<select.*?</select>", "", deals, flags=re.S)


def test_who_owns_nothing_has_nothing_to_hand_over(app: Flask, ann: FlaskClient) -> None:
    olga = id_of(app, "olga@example.com")
    assert "owns no records" in ann.get(f"/settings/users/{olga}").text
    assert "Nothing to hand over" in ann.get(f"/settings/users/{olga}/records").text
    assert ann.get("/settings/users/999999/records").status_code == 404


def test_a_lists_filter_offers_who_is_deactivated_while_they_own_something_there(app: Flask, ann: FlaskClient) -> None:
    otto = id_of(app, "otto@example.com")
    for module, is_offered in (("deals", True), ("contacts", True), ("leads", False)):
        page = ann.get(f"/records/{module}").text
        assert (f'<option value="{otto}">Otto (deactivated)</option>' in page) is is_offered, module
        assert "Olga" not in page
    form = ann.get("/records/deals/new").text
    assert "Otto" not in form, "nothing new is given to somebody who has left"


def test_a_count_says_when_there_are_more_than_it_looked_at(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FEW", 1)  # as with more records than are put in order in memory …
    monkeypatch.setattr(listing, "COUNTED", 1)  # … and than are counted
    otto = id_of(app, "otto@example.com")
    with app.extensions["webhookui"].db.read() as session:
        owned = {module.info.name: (module.number, module.has_more) for module in ownership.owned_by(session, otto)}
        assert owned == {"contacts": (1, False), "deals": (1, True)}
        assert ownership.owners(session, catalog(session).module("leads")) == []

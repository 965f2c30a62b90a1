"""A list comes in through the browser, from the file to the records, and goes out again (specification section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import pages
from tests.support.running import Running, running

pytestmark = pytest.mark.browser

ROWS = "\n".join(f"Zoë{n};Müller;zoe{n}@example.com;{n % 28 + 1:02}.02.1990" for n in range(40))
FILE = f"Vorname;Last name;E-mail;Birthday\n{ROWS}\nJörg;Weiß;no address;01.02.1990\n"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("import")) as started:
        yield started


@pytest.fixture
def page(browser: Browser, installation: Running) -> Iterator[Page]:
    with pages.window(browser, installation.address) as page:
        yield page


@pytest.mark.parametrize("width", [390, 1280])
def test_the_whole_way_of_a_list(page: Page, installation: Running, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    file = tmp_path / "kunden.csv"
    file.write_bytes(FILE.replace("example", f"w{width}.example").encode("cp1252"))
    page.goto(f"{installation.address}/records/contacts")
    page.get_by_role("link", name="Import").first.click()
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_label("Encoding")).to_have_value("cp1252")
    expect(page.get_by_label("How Birthday is written")).to_have_value("dmy")
    expect(page.locator(".import-values").last).to_contain_text("01.02.1990 → 1990-02-01")
    page.get_by_label("Field for Vorname").select_option("First name")
    expect(page.locator("#look")).to_contain_text("Row 41")
    page.get_by_label("Find duplicates by").select_option("E-mail")
    expect(page.locator(".import-counts")).to_contain_text("40")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Start import").click()

    expect(page.locator("#job")).to_contain_text("40 created, 1 rejected.", timeout=20_000)
    with page.expect_download() as rejected:
        page.get_by_role("link", name="Download rejected rows").click()
    lines = rejected.value.path().read_text().splitlines()
    assert lines[0] == "Vorname,Last name,E-mail,Birthday,Reason" and lines[1].startswith("Jörg,Weiß,no address,")
    page.get_by_role("link", name="Show contacts").click()
    page.wait_for_url("**/records/contacts")  # loaded: htmx listens

    page.get_by_role("searchbox", name="Search contacts").fill(f"zoë7 w{width}")
    expect(page.locator("#list-count")).to_have_text("1")
    page.locator("summary", has_text="Export").click()
    page.get_by_label("All fields").check()
    with page.expect_download() as exported:
        page.get_by_role("button", name="Download").click()
    assert exported.value.suggested_filename == "contacts.csv"
    lines = exported.value.path().read_bytes().decode("utf-8-sig").splitlines()
    assert len(lines) == 2 and f"Zoë7,Müller,zoe7@w{width}.example.com" in lines[1]

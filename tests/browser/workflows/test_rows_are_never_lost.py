"""Building a webhook by hand never loses a row (issue of the webhook action): what the form holds is compared with what
was done, after every step, over all that a person may do between the first row and the save."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.form_page import add_related, add_row, add_webhook, at, save, step, type_parameters
from webhookui.core.database import Database
from webhookui.workflows import store

pytestmark = pytest.mark.browser

PARAMETERS = "actions.0.parameters"
RELATED = "actions.0.related"


@dataclass(frozen=True)
class Row:
    name: str
    value: str
    type: str = "auto"
    required: bool = False
    omit_empty: bool = False

    @property
    def document(self) -> dict[str, object]:
        return {
            "name": self.name, "value": self.value, "type": self.type, "required": self.required,
            "omit_empty": self.omit_empty,
        }  # fmt: skip


@dataclass
class Typed:
    """What has been typed, list by list."""

    parameters: list[Row] = field(default_factory=list)
    related: list[tuple[str, str, list[Row]]] = field(default_factory=list)
    """(module, key, rows)."""


ROWS = """(path) => [...document.getElementById(path).querySelectorAll(":scope > [data-list-rows] > [data-row]")].map((row) => {
  const the = (key) => {
    const found = row.querySelectorAll(`[name='${row.id}.${key}']`);
    if (found.length !== 1) throw new Error(`${found.length} inputs ${row.id}.${key}`);
    return found[0];
  };
  return [row.id, ...["name", "value", "type"].map((key) => the(key).value),
    ...["required", "omit_empty"].map((key) => the(key).checked)];
})"""


def rows_of(page: Page, list_path: str) -> list[Row]:
    """The rows of a list; their inputs must be named by the places where they stand."""
    rows = page.evaluate(ROWS, list_path)
    assert [path for path, *_ in rows] == [f"{list_path}.{position}" for position in range(len(rows))]
    return [Row(*values) for _, *values in rows]


def _rows(page: Page, list_path: str) -> Locator:
    return at(page, list_path).locator("> [data-list-rows] > [data-row]")


def holds(page: Page, typed: Typed) -> None:
    """The form holds what was typed: nothing lost, nothing twice, nothing in another's place."""
    assert rows_of(page, PARAMETERS) == typed.parameters
    related = []
    for position in range(_rows(page, RELATED).count()):
        path = f"{RELATED}.{position}"
        module = page.locator(f"[name='{path}.module']").input_value()
        key = at(page, f"{path}.key").input_value()
        related.append((module, key, rows_of(page, f"{path}.parameters")))
    assert related == typed.related


def remove(page: Page, path: str, what: str = "parameter") -> None:
    at(page, path).get_by_role("button", name=f"Remove {what}").first.click()


def drag(page: Page, path: str, to: str) -> None:
    """By the pointer, from a row's handle to the lower half of another row."""
    page.evaluate("path => document.getElementById(path).scrollIntoView({ block: 'center' })", path.rpartition(".")[0])
    handle = at(page, path).locator("[data-row-handle]").first.bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)  # type: ignore[index]
    page.mouse.down()
    target = at(page, to).bounding_box()
    down = target["y"] > handle["y"]  # type: ignore[index]
    y = target["y"] + target["height"] * (0.9 if down else 0.1)  # type: ignore[index]
    page.mouse.move(target["x"] + 30, y, steps=5)  # type: ignore[index]
    page.mouse.up()


def moved(rows: list[Row], start: int, end: int) -> None:
    rows.insert(end, rows.pop(start))


def build(page: Page) -> Typed:
    """Ten parameter rows and two related modules, typed in."""
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.emulate_media(reduced_motion="reduce")  # the page is where it is when a place on it is measured
    at(page, "name").fill("Ten rows")
    page.get_by_label("Contacts", exact=True).check()
    page.get_by_label("Tasks", exact=True).check()
    add_webhook(page)
    at(page, "actions.0.url").fill("https://api.example.com/things")
    typed = Typed(
        [Row(f"p{number}", f"{{{{ amount + {number} - {number} }}}}") for number in range(10)],
        [
            ("contacts", "contacts", [Row("email", "{{ email }}"), Row("last", "{{ last_name }}")]),
            ("tasks", "tasks", [Row("subject", "{{ subject }}"), Row("due", "{{ due_date }}")]),
        ],
    )
    type_parameters(page, *((row.name, row.value) for row in typed.parameters))
    for module, _, rows in typed.related:
        add_related(page, module, *((row.name, row.value) for row in rows))
    holds(page, typed)
    return typed


def saved_as(page: Page, db: Database, typed: Typed) -> None:
    save(page)
    with db.read() as session:
        action = store.to_document(session, store.list_all(session)[0], with_ids=False)["actions"][0]
    assert action["parameters"] == [row.document for row in typed.parameters]
    assert action["related"] == [
        {"module": module, "key": key, "parameters": [row.document for row in rows]}
        for module, key, rows in typed.related
    ]


def test_ten_rows_and_two_related_modules_survive_all_that_one_does_to_them(form: Page, db: Database) -> None:
    typed = build(form)
    parameters = typed.parameters

    at(form, f"{PARAMETERS}.3.type").select_option("number")
    at(form, f"{PARAMETERS}.3.required").check()
    at(form, f"{PARAMETERS}.7").get_by_label("More for this parameter").click()
    at(form, f"{PARAMETERS}.7.omit_empty").check()
    form.keyboard.press("Escape")
    parameters[3] = replace(parameters[3], type="number", required=True)
    parameters[7] = replace(parameters[7], omit_empty=True)
    holds(form, typed)

    drag(form, f"{PARAMETERS}.0", f"{PARAMETERS}.4")
    moved(parameters, 0, 4)
    holds(form, typed)
    drag(form, f"{PARAMETERS}.9", f"{PARAMETERS}.2")
    moved(parameters, 9, 2)
    holds(form, typed)
    handle = at(form, f"{PARAMETERS}.6").locator("[data-row-handle]")
    handle.focus()
    form.keyboard.press("ArrowUp")
    form.keyboard.press("ArrowUp")
    moved(parameters, 6, 4)
    holds(form, typed)

    remove(form, f"{PARAMETERS}.5")
    gone = parameters.pop(5)
    holds(form, typed)
    at(form, PARAMETERS).locator("> [data-list-undo] button").click()
    parameters.insert(5, gone)
    holds(form, typed)
    remove(form, f"{PARAMETERS}.8")
    parameters.pop(8)
    path = add_row(form, PARAMETERS)
    at(form, f"{path}.name").fill("late")
    at(form, f"{path}.value").fill("two\nlines")
    parameters.append(Row("late", "two\nlines"))
    at(form, f"{PARAMETERS}.1.name").press("Enter")
    form.keyboard.insert_text("between")
    parameters.insert(2, Row("between", ""))
    holds(form, typed)

    at(form, f"{RELATED}.1").locator("> .related-head [data-row-handle]").press("ArrowUp")
    typed.related.reverse()
    remove(form, f"{RELATED}.0.parameters.0")
    typed.related[0][2].pop(0)
    at(form, f"{RELATED}.1.key").fill("person")
    typed.related[1] = ("contacts", "person", typed.related[1][2])
    holds(form, typed)
    remove(form, f"{RELATED}.0", "related module")
    holds(form, replace_related(typed, typed.related[1:]))
    at(form, RELATED).locator("> [data-list-undo] button").click()
    holds(form, typed)

    at(form, "actions.0.url").fill("nowhere")
    with form.expect_response("**/settings/workflows"):
        form.get_by_role("button", name="Save", exact=True).click()
    expect(at(form, "actions.0.url")).to_be_focused()
    holds(form, typed)
    at(form, "actions.0.url").fill("https://api.example.com/things")

    form.get_by_role("button", name="Back to the actions").click()
    for name in ("Basic information", "Entry criteria", "Trigger", "Actions"):
        step(form, name)
    form.go_back()
    form.go_back()
    step(form, "Actions")
    form.get_by_role("link", name="Edit").click()
    holds(form, typed)

    kept(form, "person")
    form.reload()
    expect(form.get_by_text("What you entered before you left this page is back")).to_be_visible()
    holds(form, typed)
    saved_as(form, db, typed)


def test_a_row_is_dragged_through_a_list_that_is_longer_than_the_window(form: Page) -> None:
    add_webhook(form)
    names = [f"p{number}" for number in range(25)]
    type_parameters(form, *((name, "") for name in names))
    form.set_viewport_size({"width": 1000, "height": 500})
    at(form, f"{PARAMETERS}.0").scroll_into_view_if_needed()
    form.evaluate("path => document.getElementById(path).scrollIntoView({ block: 'center' })", f"{PARAMETERS}.0")
    handle = at(form, f"{PARAMETERS}.0").locator("[data-row-handle]").bounding_box()
    form.mouse.move(handle["x"] + 5, handle["y"] + 5)  # type: ignore[index]
    form.mouse.down()
    form.mouse.move(handle["x"] + 30, 490, steps=3)  # type: ignore[index]
    expect(_rows(form, PARAMETERS).last.locator("[name$='.name']")).to_have_value("p0")
    form.mouse.up()
    assert [row.name for row in rows_of(form, PARAMETERS)] == [*names[1:], "p0"]


def replace_related(typed: Typed, related: list[tuple[str, str, list[Row]]]) -> Typed:
    return Typed(typed.parameters, related)


def kept(page: Page, text: str) -> None:
    """Until the draft of this tab has been put away, with `text` in it."""
    page.wait_for_function(
        "text => (sessionStorage.getItem('draft:/settings/workflows/new') || '').includes(text)", arg=text
    )


# ---- anything in any order --------------------------------------------------------------------------------------------


class Walk:
    """Does things at random to the list of parameters, in the form and in `typed`."""

    def __init__(self, page: Page, typed: Typed, chance: random.Random) -> None:
        self.page, self.typed, self.chance = page, typed, chance
        self.rows = typed.parameters
        self.rows_made = 0

    def somewhere(self) -> int:
        return self.chance.randrange(len(self.rows))

    def add(self) -> None:
        self._type(add_row(self.page, PARAMETERS), len(self.rows))

    def insert(self) -> None:
        place = self.somewhere()
        at(self.page, f"{PARAMETERS}.{place}.value").press("Enter")
        self._type(f"{PARAMETERS}.{place + 1}", place + 1)

    def _type(self, path: str, place: int) -> None:
        self.rows_made += 1
        row = Row(f"n{self.rows_made}", f"v{self.rows_made}")
        at(self.page, f"{path}.name").fill(row.name)
        at(self.page, f"{path}.value").fill(row.value)
        self.rows.insert(place, row)

    def change(self) -> None:
        place = self.somewhere()
        row = replace(self.rows[place], type=self.chance.choice(("text", "json")), required=True)
        at(self.page, f"{PARAMETERS}.{place}.type").select_option(row.type)
        at(self.page, f"{PARAMETERS}.{place}.required").check()
        self.rows[place] = row

    def remove(self) -> None:
        if len(self.rows) > 3:
            place = self.somewhere()
            remove(self.page, f"{PARAMETERS}.{place}")
            self.rows.pop(place)

    def remove_and_undo(self) -> None:
        remove(self.page, f"{PARAMETERS}.{self.somewhere()}")
        at(self.page, PARAMETERS).locator("> [data-list-undo] button").click()

    def by_key(self) -> None:
        place, up = self.somewhere(), self.chance.random() < 0.5
        at(self.page, f"{PARAMETERS}.{place}").locator("[data-row-handle]").press("ArrowUp" if up else "ArrowDown")
        moved(self.rows, place, min(max(place + (-1 if up else 1), 0), len(self.rows) - 1))

    def by_menu(self) -> None:
        place = self.chance.randrange(len(self.rows) - 1)
        row = at(self.page, f"{PARAMETERS}.{place}")
        row.get_by_label("More for this parameter").click()
        row.get_by_role("button", name="Move down").click()
        moved(self.rows, place, place + 1)

    def by_pointer(self) -> None:
        start, end = self.somewhere(), self.somewhere()
        if start != end:
            drag(self.page, f"{PARAMETERS}.{start}", f"{PARAMETERS}.{end}")
            moved(self.rows, start, end)

    def refused(self) -> None:
        at(self.page, "actions.0.url").fill("nowhere")
        with self.page.expect_response("**/settings/workflows"):
            self.page.get_by_role("button", name="Save", exact=True).click()
        expect(at(self.page, "actions.0.url")).to_be_focused()
        at(self.page, "actions.0.url").fill("https://api.example.com/things")

    def away_and_back(self) -> None:
        self.page.get_by_role("button", name="Back to the actions").click()
        step(self.page, self.chance.choice(("Basic information", "Trigger")))
        step(self.page, "Actions")
        self.page.get_by_role("link", name="Edit").click()

    def reload(self) -> None:
        self.rows_made += 1
        at(self.page, "actions.0.title").fill(f"Title {self.rows_made}")
        kept(self.page, f"Title+{self.rows_made}")
        self.page.reload()
        expect(self.page.get_by_text("What you entered before you left this page is back")).to_be_visible()

    def filled_and_undone(self) -> None:
        self.page.get_by_role("button", name="Recipes").click()
        self.page.locator(".dropdown-menu.show").get_by_role("button", name="Generic JSON").click()
        asked = self.page.get_by_role("dialog", name="Generic JSON")
        asked.get_by_label("URL to Notify").fill("https://other.example/")
        asked.get_by_role("button", name="Fill the form").click()
        self.page.locator("[data-fill-undo]").click()

    def steps(self) -> list[Callable[[], None]]:
        often = [
            self.add,
            self.insert,
            self.change,
            self.remove,
            self.remove_and_undo,
            self.by_key,
            self.by_menu,
            self.by_pointer,
        ]
        return [*often, *often, self.refused, self.away_and_back, self.reload, self.filled_and_undone]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_survive_anything_in_any_order(form: Page, db: Database, seed: int) -> None:
    typed = build(form)
    walk = Walk(form, typed, random.Random(seed))
    done = []
    for act in walk.chance.sample(walk.steps(), k=len(walk.steps())):
        act()
        done.append(act.__name__)
        try:
            holds(form, typed)
        except AssertionError as error:
            raise AssertionError(f"after {', '.join(done)}") from error
    saved_as(form, db, typed)

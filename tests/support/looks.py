"""Whether a page can be used by everybody everywhere: by axe-core, in a wide window and on a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from axe_core_python.base import AXE_SCRIPT
from playwright.sync_api import ConsoleMessage, Error, Page, expect

WIDE, PHONE = (1440, 900), (390, 844)
SERIOUS = ("serious", "critical")

RUN = """([options, serious]) => {
  const {checks} = axe._audit.data;
  const matters = ({any, all, none}) =>
    [...any, ...all, ...none].some((check) => serious.includes(checks[check.id ?? check].impact));
  const rules = axe._audit.rules.filter((rule) => !matters(rule)).map((rule) => [rule.id, { enabled: false }]);
  return axe.run(document, { ...options, rules: Object.fromEntries(rules) });
}"""
"""axe-core without those of its rules that find nothing serious, whatever the page: a third, which take half of the time."""


@contextmanager
def without_complaints(page: Page, *, strict: bool = False) -> Iterator[None]:
    """At the end no script of the page must have failed, nor the content policy have kept anything off. `strict`: nor must any
    request have been answered by an error."""
    complaints: list[str] = []

    def failed(error: Error) -> None:
        complaints.append(str(error))

    def said(message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        # A page that is no HTML, such as what a window showed before, has the browser look for an icon.
        is_error = message.type == "error" and not url.endswith("/favicon.ico")
        if "Content Security" in message.text or (strict and is_error):
            complaints.append(f"{message.text} {url}")

    page.on("pageerror", failed)
    page.on("console", said)
    try:
        yield
        assert complaints == [], complaints
    finally:
        page.remove_listener("pageerror", failed)
        page.remove_listener("console", said)


def problems_of(page: Page) -> list[str]:
    """What is wrong with the page as it stands, in each of its looks; the page ends up on a phone, light."""
    page.evaluate(AXE_SCRIPT)
    problems: list[str] = []
    for size, scheme, only in (
        (WIDE, "light", ""), (WIDE, "dark", "color-contrast"), (PHONE, "dark", ""), (PHONE, "light", "color-contrast"),
    ):  # fmt: skip
        resized(page, size, scheme)
        problems += [f"{size[0]} px, {scheme}: {problem}" for problem in [*sticking_out(page), *violations(page, only)]]
    return problems


def resized(page: Page, size: tuple[int, int], scheme: str) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)


def violations(page: Page, only: str = "") -> list[str]:
    """What axe-core finds serious, in words. `only`: one of its rules."""
    options = {"resultTypes": ["violations"], **({"runOnly": [only]} if only else {})}
    report = page.evaluate(RUN, [options, SERIOUS])
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in report["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"][:3]
    ]


def sticking_out(page: Page) -> list[str]:
    """What is wider than the window: the body must not scroll sideways."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [
            `${document.documentElement.scrollWidth} px wide in ${innerWidth}`,
            ...[...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
                .slice(0, 5).map((each) => each.outerHTML.slice(0, 150)),
        ]"""
    )

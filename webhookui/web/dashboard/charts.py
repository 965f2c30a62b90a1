"""Charts as SVG by pygal, for pages with a strict content policy: no script, no style of their own, colours from the page's CSS.

Each is one image to a screen reader, with a title and a description; the numbers stand in a table beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pygal
from lxml import etree
from markupsafe import Markup
from pygal.style import Style

WIDE, NARROW = (1000, 220), (440, 210)
"""Width and height in units that are about a pixel, in a panel over the whole page and in one over half of it."""
_FONT = 13
"""Of the labels, in units of the drawing; the page's CSS says the same."""


@dataclass(frozen=True)
class Series:
    """One colour of a chart. `tone` is the class that colours it; a value that is None is a gap."""

    name: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Label:
    """A place on the axis: `short` is written below it (empty: nothing is), `words` are what the pointer is told."""

    short: str
    words: str


def stacked_bars(
    title: str,
    words: str,
    labels: Sequence[Label],
    series: Sequence[Series],
    show: Callable[[float], str],
    size: tuple[int, int] = NARROW,
) -> Markup:
    """Bars, the series one on the other; the first is at the bottom. `show` writes a value."""
    return _drawn(pygal.StackedBar(**_settings(show, size), include_x_axis=True), title, words, labels, series)


def lines(
    title: str,
    words: str,
    labels: Sequence[Label],
    series: Sequence[Series],
    show: Callable[[float], str],
    scale: Sequence[float],
    *,
    logarithmic: bool = False,
    fill: bool = False,
) -> Markup:
    """A line for each series. `scale`: values at which a line is ruled, the lowest and the highest among them."""
    chart = pygal.Line(
        **_settings(show, NARROW), logarithmic=logarithmic, fill=fill, dots_size=2.5, allow_interruptions=True,
        y_labels=list(scale), range=(scale[0], scale[-1] * 1.03),
    )  # fmt: skip
    return _drawn(chart, title, words, labels, series)


def _settings(show: Callable[[float], str], size: tuple[int, int]) -> dict[str, Any]:
    return {
        "width": size[0], "height": size[1], "show_legend": False, "js": (), "css": (), "no_data_text": "",
        "style": Style(label_font_size=_FONT, major_label_font_size=_FONT), "margin": 4, "margin_right": 18, "margin_bottom": 2,
        "value_formatter": lambda value: show(value) if value is not None else "", "show_minor_x_labels": False,
        "min_scale": 3, "max_scale": 6, "truncate_label": 20, "explicit_size": False,
    }  # fmt: skip


def _drawn(chart: Any, title: str, words: str, labels: Sequence[Label], series: Sequence[Series]) -> Markup:
    chart.x_labels = list(range(len(labels)))  # by number: two may have the same words
    chart.x_labels_major = [number for number, label in enumerate(labels) if label.short]
    chart.x_value_formatter = str
    for line in series:
        chart.add(line.name, list(line.values))
    root = chart.render_tree()
    _strip(root)
    for text in root.iter("text"):
        if text.getparent().getparent().get("class", "").startswith("axis x") and (text.text or "").isdecimal():
            text.text = labels[int(text.text)].short
    for number, line in enumerate(series):
        for group in root.iter("g"):
            if f"serie-{number}" in group.get("class", "").split():
                group.set("class", f"chart-{line.tone}")
                _say(group, line, labels)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", f"{title}. {words}")
    root.find("title").text = title
    description = etree.Element("desc")
    description.text = words
    root.insert(1, description)
    etree.cleanup_namespaces(root)
    return Markup(etree.tostring(root, encoding="unicode"))  # noqa: S704 - made by lxml, which escapes


def _strip(root: Any) -> None:
    """Takes out what a page with a strict policy would refuse, and what only pygal's own script would use."""
    for node in list(root.iter()):
        if not isinstance(node.tag, str) or node.tag in ("style", "script", "defs"):
            if node.getparent() is not None:
                node.getparent().remove(node)
            continue
        node.attrib.pop("style", None)
        if node.tag == "title" and node.getparent() is not root:  # says what the label beside it says
            node.getparent().remove(node)
        if "tooltip-overlay" in node.get("class", "") or node.get("class") == "titles":
            node.getparent().remove(node)
    root.attrib.pop("id", None)


def _say(group: Any, series: Series, labels: Sequence[Label]) -> None:
    """What the pointer is told over a bar or a dot, in place of pygal's notes for its script."""
    for mark in list(group.iter("rect", "circle")):
        place = mark.getparent()
        notes = {note.get("class", "").split()[0]: note.text for note in place.iter("desc") if note.get("class")}
        for note in list(place.iter("desc")):
            place.remove(note)
        if (notes.get("x_label") or "").isdecimal():
            title = etree.SubElement(mark, "title")
            title.text = f"{labels[int(notes['x_label'] or 0)].words}: {notes.get('value')} {series.name}"

"""Carriage returns in templates, of which Jinja makes line feeds (specification section 4.2, RAW)."""

from collections.abc import Callable

from jinja2 import nodes

_BLANKS = "\x1d\x1e\x1f\x1c\x85\u2028\u2029\u1680\u205f"
"""Characters that are blanks between the words of a template, one of which stands for a carriage return while it is read."""


def keeping_line_breaks(parse: Callable[[str], nodes.Template], source: str) -> nodes.Template:
    """The template as `parse` reads it, with every line break as it was typed."""
    blank = next((candidate for candidate in _BLANKS if candidate not in source), "") if "\r" in source else ""
    tree = parse(source.replace("\r", blank) if blank else source)
    if blank:
        for node in tree.find_all((nodes.TemplateData, nodes.Const)):
            if isinstance(node, nodes.TemplateData):
                node.data = node.data.replace(blank, "\r")
            elif isinstance(node, nodes.Const) and isinstance(node.value, str):
                node.value = node.value.replace(blank, "\r")
    return tree

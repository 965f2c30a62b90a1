"""The names of an action's rows: dot notation, and what the content type makes of them (SPEC section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from webhookui.webhooks import naming
from webhookui.webhooks.content_types import xml_name_problem
from webhookui.webhooks.definition import Parameter, Related
from webhookui.webhooks.document_reader import DocumentReader


def check_names(
    reader: DocumentReader, parameters: Sequence[Parameter], related: Sequence[Related], method: str, content_type: str
) -> None:
    """Dot notation: duplicates, conflicts, gaps; in XML, legal names. In a query string names are literal."""
    paths = [f"parameters.{position}.name" for position in range(len(parameters))]
    paths += [f"related.{position}.key" for position in range(len(related))]
    names = [parameter.name for parameter in parameters] + [each.key for each in related]
    if method == "GET":
        for position, name in enumerate(names):
            if name and name in names[:position]:
                reader.say(paths[position], f"“{name}” stands there twice.")
    else:
        _check_list(reader, names, paths, content_type, first=content_type == "XML")
    for position, each in enumerate(related):
        inner = [parameter.name for parameter in each.parameters]
        places = [f"related.{position}.parameters.{row}.name" for row in range(len(inner))]
        _check_list(reader, inner, places, content_type if method != "GET" else "FORM", first=content_type == "XML")
        if any(name.split(".")[0].isdecimal() for name in inner):
            reader.say(
                f"related.{position}.parameters",
                "The names of a related record's parameters start with a key, not an index.",
            )


def _check_list(
    reader: DocumentReader, names: Sequence[str], paths: Sequence[str], content_type: str, *, first: bool
) -> None:
    kept = [position for position, name in enumerate(names) if name]
    for error in naming.check([names[position] for position in kept]):
        reader.say(paths[kept[error.position]], str(error))
    roots = {isinstance(naming.split(names[position])[0], int) for position in kept if _splits(names[position])}
    if True in roots and content_type not in ("JSONARRAY", "JSON"):
        for position in kept:
            if _splits(names[position]) and isinstance(naming.split(names[position])[0], int):
                reader.say(paths[position], f"In {content_type} a name can't start with an index.")
    if content_type == "XML":
        for position in kept:
            if _splits(names[position]):
                for depth, segment in enumerate(naming.split(names[position])):
                    problem = xml_name_problem(segment, depth)
                    if problem:
                        reader.say(paths[position], problem)


def _splits(name: str) -> bool:
    try:
        naming.split(name)
    except ValueError:
        return False
    return True

"""The names of an action's rows: dot notation, and what the content type makes of them (specification section 4.2)."""

from collections.abc import Iterator, Sequence

from webhookui.webhooks import naming
from webhookui.webhooks.definition import RAW, Parameter, Related, Webhook
from webhookui.webhooks.naming import Segment
from webhookui.webhooks.problems import Problems
from webhookui.webhooks.xml_body import Declared, declared_by, place_problem, root_problem

Place = tuple[Segment, ...]


def check_names(problems: Problems, webhook: Webhook) -> None:
    """Conflicts, gaps, and duplicates where the other end would lose one; in XML, legal names. In a query string and in FORM a
    name may stand more than once; in a query string the names of parameters are literal."""
    parameters, related, method, content_type = (
        webhook.parameters, webhook.related, webhook.method, webhook.content_type,
    )  # fmt: skip
    if content_type == RAW and method != "GET":
        return
    paths = [f"parameters.{position}.name" for position in range(len(parameters))]
    paths += [f"related.{position}.key" for position in range(len(related))]
    names = [parameter.name for parameter in parameters] + [group.key for group in related]
    if method == "GET":
        for position in range(len(parameters), len(names)):
            if names[position] and names[position] in names[:position]:
                problems.say(paths[position], f"“{names[position]}” is listed twice.")
    else:
        _check_list(problems, names, paths, content_type, len(parameters) if content_type == "FORM" else 0)
    for position, group in enumerate(related):
        inner = [parameter.name for parameter in group.parameters]
        places = [f"related.{position}.parameters.{row}.name" for row in range(len(inner))]
        _check_list(problems, inner, places, "FORM" if method == "GET" else content_type)
        if any(isinstance(place[0], int) for _, place in _places(inner)):
            problems.say(
                f"related.{position}.parameters",
                "The names of a related record's parameters start with a key, not an index.",
            )
    if method != "GET" and content_type == "XML":
        _check_xml(problems, parameters, related, webhook.xml_root)


def _check_list(
    problems: Problems, names: Sequence[str], paths: Sequence[str], content_type: str, repeatable: int = 0
) -> None:
    """`repeatable`: so many of the names, from the first, may stand there more than once."""
    kept = [position for position, name in enumerate(names) if name]
    may_repeat = sum(position < repeatable for position in kept)
    for error in naming.check([names[position] for position in kept], may_repeat):
        problems.say(paths[kept[error.position]], str(error))
    if content_type not in ("JSONARRAY", "JSON"):
        for position, place in _places(names):
            if isinstance(place[0], int):
                problems.say(paths[position], f"In {content_type} a name can't start with an index.")


def _check_xml(problems: Problems, parameters: Sequence[Parameter], related: Sequence[Related], xml_root: str) -> None:
    """Elements, attributes and their prefixes; rows of a related module stand within the element of its key."""
    own = _places([parameter.name for parameter in parameters])
    keys = dict(_places([group.key for group in related]))
    declared = declared_by(place for _, place in own)
    problems.say_if("xml_root", root_problem(xml_root, declared))
    for position, place in own:
        problems.say_if(f"parameters.{position}.name", place_problem(place, declared))
    for position, key in keys.items():
        rows = [
            (row, (*key, *place))
            for row, place in _places([parameter.name for parameter in related[position].parameters])
        ]
        inner: Declared = declared | declared_by(place for _, place in rows)
        problems.say_if(f"related.{position}.key", place_problem(key, inner))
        if isinstance(key[-1], str) and key[-1].startswith(("@", "#")):
            problems.say(f"related.{position}.key", "The key of a related module is an element.")
        for row, place in rows:
            problems.say_if(f"related.{position}.parameters.{row}.name", place_problem(place, inner))


def _places(names: Sequence[str]) -> list[tuple[int, Place]]:
    """(position, place) of the names that can be read."""
    return [(position, place) for position, name in enumerate(names) for place in _place(name)]


def _place(name: str) -> Iterator[Place]:
    try:
        yield naming.split(name)
    except ValueError:
        return

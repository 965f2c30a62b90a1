"""Words that a form or a URL chooses between: one that is none of them is refused, and not taken for another."""

from collections.abc import Collection, Iterable

from flask import abort, request

from webhookui.core.database import row_number


def chosen(name: str, words: Collection[str], default: str = "") -> str:
    """What the request says of `name`, one of `words`; `default` when it says nothing. Otherwise ends the request with a 400 that
    tells the words."""
    asked = request.values.get(name) or default
    if asked not in words:
        abort(400, description=f"“{asked[:40]}” is not a {name}: use one of {', '.join(words)}.")
    return asked


def row_numbers(texts: Iterable[str], of: str) -> list[int]:
    """The numbers of rows that a request names. One that is none ends it with a 400: it never stands for another."""
    numbers = []
    for text in texts:
        number = row_number(text.strip())
        if number is None:
            abort(400, description=f"“{text[:40]}” is not the number of a {of}.")
        numbers.append(number)
    return numbers

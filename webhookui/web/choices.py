"""Words that a form or a URL chooses between: one that is none of them is refused, and not taken for another."""

from collections.abc import Collection

from flask import abort, request


def chosen(name: str, words: Collection[str], default: str = "") -> str:
    """What the request says of `name`, one of `words`; `default` when it says nothing. Otherwise ends the request with a 400 that
    tells the words."""
    asked = request.values.get(name) or default
    if asked not in words:
        abort(400, description=f"“{asked[:40]}” is not a {name}: use one of {', '.join(words)}.")
    return asked

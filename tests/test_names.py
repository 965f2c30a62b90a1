"""Names that a reader can't guess do not come back (docs/glossary.md has the terms)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import webhookui

PRODUCT = Path(webhookui.__file__).parent
GONE = frozenset(
    """
    WebhookAtHand WebhooksAtHand at_hand Surroundings surroundings Neighbours neighbours here apart
    Filer filer filing filed unfile file_some LogGroup Tally tally AttemptTally Pace quick_head daemon_threads
    bell bells ring rung ring_for ring_mail ring_redeliveries hear Post Trial Letter letters Owed owe owed
    Pulse pulse QuietPolls quiet_polls said tried Tried NotReady webhook_fill answer_said
    Save Reader form_places form_paths record_reading FieldWish wish wanted trouble mend mended reseal
    found made one each known told lane lanes Lane Lanes
    """.split()  # noqa: SIM905 - a list of so many strings would be a page long
)


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What the code itself calls things, with the line: a library's names (`result.one()`) are not ours to choose."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno


def test_no_name_is_used_that_a_reader_can_not_guess() -> None:
    files = list(PRODUCT.rglob("*.py"))
    assert len(files) > 100
    used = [
        f"{path.relative_to(PRODUCT)}:{line}: {name}"
        for path in files
        for name, line in identifiers(ast.parse(path.read_text()))
        if name.strip("_") in GONE
    ]
    assert used == []

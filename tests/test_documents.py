"""The documents keep up with the code: what refers to the specification finds its section, and what names a file names one that
is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPECIFICATION = ROOT / "docs" / "specification.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
WITH_FOLDERS = ("README.md", "CONTRIBUTING.md", "architecture.md")
"""Documents whose folders in backticks are folders of the repository."""

REFERENCE = re.compile(r"specification sections?\s+((?:\d+(?:\.\d+)?(?:,? and |, | to )?)+)", re.IGNORECASE)
FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)*\.(?:py|html|js|css))(?:::\w+)?`")
FOLDER = re.compile(r"`((?:[\w.-]+/)+)`")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)(?:#[^)]*)?\)")
NOT_COMMITTED = ("instance/", "static/vendor/")
SOURCES = (
    "*.md", "docs/**/*.md", "webhookui/**/*.py", "tests/**/*.py", "scripts/**/*.py", "benchmarks/**/*.py",
    "templates/**/*.html", "static/**/*.js", "static/**/*.css",
)  # fmt: skip
"""Files that may refer to the specification."""


def sources() -> list[Path]:
    return [path for pattern in SOURCES for path in ROOT.glob(pattern)]


def one_line(text: str) -> str:
    """The text with its line breaks, and the comment signs after them, made blanks."""
    return re.sub(r"\s*\n\s*(?:#:? |\* |// )?", " ", text)


def test_references_to_the_specification_find_their_section() -> None:
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", SPECIFICATION.read_text(), re.MULTILINE))
    missing, references = [], 0
    for path in sources():
        for reference in REFERENCE.findall(one_line(path.read_text())):
            for number in re.findall(r"\d+(?:\.\d+)?", reference):
                references += 1
                if number not in sections:
                    missing.append(f"{path.relative_to(ROOT)}: specification section {number}")
    assert not missing
    assert references > 200


def test_nothing_points_at_a_specification_outside_of_the_repository() -> None:
    word = "SP" + "EC"
    assert not [str(path.relative_to(ROOT)) for path in sources() if re.search(rf"\b{word}\b", path.read_text())]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text()
    named = set(FILE.findall(text))
    if document.name in WITH_FOLDERS:
        named |= set(FOLDER.findall(text))
    gone = [name for name in named if not name.startswith(NOT_COMMITTED) and not (ROOT / name).exists()]
    gone += [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert not gone

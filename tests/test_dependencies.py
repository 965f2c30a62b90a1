"""Every package that is imported is declared, and every one that is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED_BY_OTHERS = {"tzdata"}
"""zoneinfo reads its files where the machine has none."""


def imported() -> set[str]:
    names: set[str] = set()
    for file in (ROOT / "webhookui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - {"webhookui", "benchmarks"} - sys.stdlib_module_names


def normalized(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    distributions = packages_distributions()
    used = {normalized(distribution) for name in imported() for distribution in distributions[name]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normalized(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in project["dependencies"]}
    assert used == declared - NEEDED_BY_OTHERS

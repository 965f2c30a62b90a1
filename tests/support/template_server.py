"""A process that checks and renders templates for tests, with little memory to take: what goes wrong there hurts nobody.

Reads one JSON object a line, {"sources": [...]}: they are checked and rendered as those of one save. Answers with the processor
time of that, and by how much the peak of its memory rose.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

MEMORY = 1 << 30
VALUES: dict[str, Any] = {
    "name": "Zoë O'Neil, Acme", "text": "x y,<b>" * 3000, "amount": Decimal("1250.50"), "employees": 12, "on": True,
    "close_date": date(2026, 12, 31), "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "interests": ["Events", "Support"],
    "none": None, "owner": MappingProxyType({"id": 1, "name": "Ann", "email": "ann@example.com"}),
}  # fmt: skip
TYPES = {
    "name": "text", "text": "long_text", "amount": "currency", "employees": "number", "on": "checkbox", "close_date": "date",
    "at": "datetime", "interests": "multi_picklist", "none": "email",
}  # fmt: skip


class TemplateServer:
    """The process, as tests talk to it. It is made anew when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *sources: str) -> dict[str, Any]:
        """{"time_s", "risen_mb", "said"}; `said` is "died" when the process did."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.template_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"sources": sources}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            return {"time_s": 0, "risen_mb": 0, "said": ["died"]}
        document: dict[str, Any] = json.loads(answer)
        return document

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def _answer(sources: list[str]) -> dict[str, Any]:
    from webhookui.webhooks.templating.budget import limited, shared
    from webhookui.webhooks.templating.template import (
        Schema,
        TemplateProblem,
        check,
        render_json,
        render_text,
        render_url,
        render_value,
    )

    schema = Schema({**TYPES, "owner": lambda: Schema({"id": "number", "name": "text", "email": "email"})})
    before, start = _peak(), time.process_time()
    results = []
    for source in sources:
        results.append(check(source, schema))
    with shared():
        for source in sources:
            with limited():
                for render in (render_value, render_text, render_url, render_json):
                    try:
                        results.append(str(render(source, VALUES))[:100])
                    except (TemplateProblem, ValueError) as problem:
                        results.append(str(problem))
    return {"time_s": time.process_time() - start, "risen_mb": _peak() - before, "said": results}


def _peak() -> int:
    """Mebibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line)["sources"])), flush=True)

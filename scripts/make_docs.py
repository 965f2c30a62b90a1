"""Writes what the docs take from the code: the README's table of settings and docs/delivery.md. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from webhookui.delivery import states
from webhookui.outgoing import diagnosis
from webhookui.settings import Settings

ROOT = Path(__file__).parent.parent

DELIVERY = """# How a delivery moves

Made from the status machine in `webhookui/delivery/states.py` and the diagnoses in `webhookui/outgoing/diagnosis.py` by
`python scripts/make_docs.py`.

{states}
## What can go wrong with an attempt

A failed attempt is retried after the delays of `WEBHOOKUI_RETRY_DELAYS` (1 hour, 2 hours, 4 hours), or when `Retry-After` of a
429 or 503 says so if that is later (at most seven days). What no retry can fix ends the delivery as Failed at once.
`tests/delivery/test_faults.py` holds them to real servers that misbehave.

{diagnoses}"""


def settings_table() -> str:
    lines = ["| variable | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(str(part) for part in default)
        shown = f"`{default}`" if default not in (None, "") else "–"
        lines.append(f"| `WEBHOOKUI_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)


def diagnoses_table() -> str:
    rows = [
        ("configuration", "what is wrong with the webhook", "Fix the webhook, then redeliver.", "no"),
        ("token", "No access token: *why*", "as for any other request", "as for any other"),
    ]
    for _kinds, code, sentence, advice, ends in diagnosis.WITHOUT_ANSWER:
        values = {"host": "*host*", "timeout": "*timeout*", "detail": "*why*"}
        rows.append((code, sentence.format(**values), advice.format(**values), "no" if ends else "yes"))
    rows.append(("condition", "*host* answered 2xx, but *why*", "Look at the response, and at “Success is”.", "yes"))
    rows.append(
        ("redirect", diagnosis.NOWHERE[0].format(host="*host*", code="3xx", where="*why*"), diagnosis.NOWHERE[1], "yes")
    )
    for status, (code, sentence, advice) in sorted(
        diagnosis.ANSWERS.items(), key=lambda row: (row[0] < 100, row[0] or 10)
    ):
        shown = f"{status}xx" if 0 < status < 10 else "anything else"
        rows.append((code, sentence.format(host="*host*", code=shown), advice, "no" if status == 410 else "yes"))
    lines = ["| code | words | what to do | retried |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in dict.fromkeys(rows)]
    return "\n".join(lines) + "\n"


def replaced(text: str, mark: str, content: str) -> str:
    """The text with what stands between the two comments of `mark` replaced."""
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"


def documents() -> dict[Path, str]:
    readme = ROOT / "README.md"
    return {
        readme: replaced(readme.read_text(), "settings", settings_table()),
        ROOT / "docs" / "delivery.md": DELIVERY.format(states=states.table_as_markdown(), diagnoses=diagnoses_table()),
    }


def main() -> None:
    check = "--check" in sys.argv
    for path, text in documents().items():
        if check and path.read_text() != text:
            sys.exit(f"{path.name} is not what the code says; run python scripts/make_docs.py")
        path.write_text(text)


if __name__ == "__main__":
    main()

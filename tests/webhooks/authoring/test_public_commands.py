"""Commands as the documentation of public services, browsers and tools write them: each comes over the same on the wire, or is
refused in words (specification section 4.6). The machine's own curl is the judge.

The commands stand in commands/*.txt, one block each: `### title | outcome`, the command, and after `=== bash` the same command
for bash where the pasted one is another shell's, or has variables that stay as they are. Outcomes: `rows`, `raw`, or
`refused: words`; `says: words` is what the notes must have, `judge: none` that no curl can confirm it, since it is read kindly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.support import judge
from tests.support.judge import Caught
from tests.webhooks.authoring.test_curl import built
from webhookui.webhooks.authoring import meaning
from webhookui.webhooks.authoring.curl import CurlProblem, FromCurl, from_curl
from webhookui.webhooks.header_names import RESERVED_HEADERS
from webhookui.webhooks.request import Request

RAW = True
COMMANDS = Path(__file__).parent / "commands"


@dataclass(frozen=True)
class Case:
    title: str
    outcome: str
    command: str
    for_bash: str
    says: str
    judged: bool


def cases() -> dict[str, Case]:
    by_title: dict[str, Case] = {}
    for file in sorted(COMMANDS.glob("*.txt")):
        for block in re.split(r"^### ", file.read_text(), flags=re.MULTILINE)[1:]:
            head, _, text = block.partition("\n")
            title, outcome, *more = (part.strip() for part in head.split(" | "))
            command, _, for_bash = text.strip("\n").partition("\n=== bash\n")
            says = next((part.removeprefix("says: ") for part in more if part.startswith("says: ")), "")
            assert title not in by_title, title
            by_title[title] = Case(title, outcome, command, for_bash or command, says, "judge: none" not in more)
    return by_title


CASES = cases()
PLAIN = {title: case for title, case in CASES.items() if case.outcome == "rows" or (case.outcome == "raw" and RAW)}


def test_there_are_more_than_three_hundred() -> None:
    assert len(CASES) > 300


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_command_comes_over_as_it_should_or_is_refused_in_words(case: Case) -> None:
    if case.outcome == "raw" and not RAW:
        with pytest.raises(CurlProblem):
            from_curl(case.command)
        return
    if case.outcome.startswith("refused: "):
        with pytest.raises(CurlProblem, match=re.escape(case.outcome.removeprefix("refused: "))):
            from_curl(case.command)
        return
    pasted = with_password(from_curl(case.command))
    built(pasted)  # it can be saved
    assert ("raw" if pasted.document["content_type"] == "RAW" else "rows") == case.outcome
    assert case.says in " ".join(pasted.notes)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Caught] | str]:
    """What curl sends for each command that comes over. https:// is http:// here: TLS is not what is judged."""
    if judge.version() is None:
        missing("curl", "no curl")
    judged = [case for case in PLAIN.values() if case.judged]
    sent = judge.sent_by_curl([plain_http(case.for_bash) for case in judged], tmp_path_factory.mktemp("curl"))
    return {case.title: caught for case, caught in zip(judged, sent, strict=True)}


def plain_http(command: str) -> str:
    prompt = re.compile(r"\A\s*(?:\S+@\S*)?[$%#>]\s+(?=\S*curl)")
    return prompt.sub("", command).replace("https://", "http://")


@pytest.mark.parametrize("case", [case for case in PLAIN.values() if case.judged], ids=lambda case: case.title)
def test_curl_itself_sends_the_same(judged: dict[str, list[Caught] | str], case: Case) -> None:
    caught = judged[case.title]
    assert isinstance(caught, list), f"curl sent nothing: {caught}"
    assert len(caught) == 1
    pasted = with_password(from_curl(plain_http(case.command)))
    assert differences(caught[0], pasted, built(pasted)) == []


def with_password(pasted: FromCurl) -> FromCurl:
    """With the password that a person types where cURL would ask for it."""
    authorization = pasted.document["authorization"]
    return (
        replace(pasted, document=pasted.document | {"authorization": authorization | {"password": "typed"}})
        if (authorization.get("password", "") is None)
        else pasted
    )


SAID = {
    **dict.fromkeys(RESERVED_HEADERS, "Left out, because the address"),
    "method": "is sent as",
    "content-type": "cURL would call it a form",
    "authorization": "Enter the password",
}
"""What may differ where the notes say so."""


def differences(sent: Caught, pasted: FromCurl, ours: Request) -> list[str]:
    """What a receiver would read otherwise and nothing says. curl's own User-Agent, Accept and framing do not count, nor the
    Content-Type of no content."""
    notes = " ".join(pasted.notes)
    theirs, host = headers_of(sent), meaning.split_url(ours.url)[1]
    built_headers = {name.lower(): value.encode("latin-1") for name, value in ours.headers}
    differing = {name for name in {*theirs, *built_headers} if theirs.get(name) != built_headers.get(name)}
    if theirs.get("content-type", b"").lower() == built_headers.get("content-type", b"").lower():
        differing.discard("content-type")
    differing -= {"host", "content-length", "accept-encoding", "connection", "expect"}
    if theirs.get("user-agent", b"").startswith(b"curl/"):
        differing.discard("user-agent")
    if theirs.get("accept") == b"*/*":
        differing.discard("accept")
    if not sent.body and not ours.body and theirs.get("content-type") == b"application/x-www-form-urlencoded":
        differing.discard("content-type")
    if theirs["host"].decode().lower().removesuffix(":80") != host.lower().removesuffix(":80"):
        differing.add("host")
    if sent.method != ours.method:
        differing.add("method")
    if not meaning.same_url(f"http://{host}{sent.target}", ours.url):
        differing.add(f"target {sent.target} {ours.url}")
    kind, written_as = pasted.document["content_type"], built_headers.get("content-type", b"").decode()
    if not meaning.same_body(kind, sent.body, ours.body or b"", written_as):
        differing.add(f"body {sent.body!r} {ours.body!r}")
    return sorted(difference for difference in differing if difference not in SAID or SAID[difference] not in notes)


def headers_of(sent: Caught) -> dict[str, bytes]:
    joined: dict[str, bytes] = {}
    for name, value in sent.headers:
        joint = b"; " if name.lower() == "cookie" else b", "
        key = name.lower()
        joined[key] = joined[key] + joint + value if key in joined else value
    if "cookie" in joined:
        joined["cookie"] = re.sub(rb";\s*", b"; ", joined["cookie"])
    return joined

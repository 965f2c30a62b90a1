"""A pasted cURL command becomes the request that cURL itself sends (specification section 4.6): method, address, headers, body.

What a command comes to stands in the table; where the machine has curl, it confirms the table against a real receiver.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.conftest import missing
from tests.support.receiver import Receiver
from webhookui.core import exact_json
from webhookui.web.workflow_editor.webhook_draft import SECRETS, document_of_webhook, draft_of_webhook
from webhookui.webhooks.authoring.curl import CurlProblem, FromCurl, from_curl
from webhookui.webhooks.authorization import authorize
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.paths import xpath
from webhookui.webhooks.request import Context, Request, build_request
from webhookui.webhooks.templating.template import Schema

HOST = "http://third.party.example"
"""Stands for the receiver in the commands."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Sent:
    """The request of a command. `body` as webhookui writes it; `headers` besides those that every request has."""

    method: str
    target: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    type: str = "none"
    """Of the authorization."""
    curl_says_form: bool = False
    """cURL would call this body a form, for want of a header."""


SLACK = r"""curl -X POST -H 'Content-type: application/json' --data '{"text":"Hello, World!"}' URL/services/T0/B0/xyz"""
STRIPE = r"""curl URL/v1/customers \
  -u sk_test_4eC39HqLyjWD: \
  -d "name=Jenny Rosen" \
  --data-urlencode email="jenny+1@example.com" \
  -d "metadata[order_id]=6735" -d expand[]=invoice -d expand[]=tax"""
TWILIO = r"""curl 'URL/2010-04-01/Accounts/AC1/Messages.json' -X POST \
--data-urlencode 'To=+14155238886' \
--data-urlencode 'Body=It'"'"'s 100% & "ready"' \
-u AC1:tok en"""
GITHUB = r"""$ curl -L \
  -X POST \
  -H "Accept: application/vnd.github+json" \
  -H "Authorization: Bearer <YOUR-TOKEN>" \
  -H "X-GitHub-Api-Version: 2022-11-28" \
  URL/repos/OWNER/REPO/issues \
  -d '{"title":"Found a bug","body":"I'\''m having a problem.","milestone":1,"labels":["bug"],"draft":false}'"""
FRESHBOOKS = r"""curl -X POST -H 'Authorization: Bearer abc123' -H 'Content-Type: application/json' -H "Api-Version: alpha" \
URL/accounting/account/a1/invoices/invoices -d '
{
  "invoice": {
    "customerid": 19563, "create_date": "2026-01-08", "discount_value": 5.50, "po_number": null,
    "lines": [{"amount": {"amount": "5000.00", "code": "USD"}, "qty": "1", "compounded_tax": true}]
  }
}'"""
SOAP = r"""curl --location 'URL/soap' --header 'Content-Type: text/xml; charset=utf-8' --header 'SOAPAction: "urn:Create"' \
--data '<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Body><Create xmlns="urn:x"><name lang="en">A &amp; B</name><qty>2</qty></Create></soap:Body>
</soap:Envelope>'"""
CHROME_BASH = r"""curl 'URL/api/v2/items?page=1&q=a%20b' \
  -X 'PATCH' \
  -H 'accept: */*' \
  -H 'content-type: application/json' \
  -b 'sid=1; theme=dark' \
  --data-raw $'{"name":"it\'s \u0021 \u00e9 \ud83d\ude00","n":1e3}' \
  --compressed --insecure"""
CHROME_CMD = r"""curl ^"URL/api?x=1^&y=^%^20z^" ^
  -X ^"PUT^" ^
  -H ^"content-type: application/json^" ^
  --data-raw ^"^{^\^"name^\^":^\^"A ^& B^\^",^\^"path^\^":^\^"C:^\^\x^\^",^\^"ok^\^":true^}^" """
CMD = 'curl -X POST URL/x ^\n -H "Content-Type: application/json" ^\n -d "{\\"a\\": 1, \\"b\\": \\"x^y\\"}"'
POWERSHELL = "curl.exe -X POST 'URL/x' `\n  -H 'Content-Type: application/json' `\n  -d '{\"a\": 1}'"

CASES: dict[str, tuple[str, Sent]] = {
    "a GET": ("curl URL/items", Sent("GET", "/items")),
    "a GET with a query": ("curl 'URL/items?a=1&b=x%20y'", Sent("GET", "/items?a=1&b=x%20y")),
    "a GET whose query is not quoted": ("curl URL/items?a=1\\&b=2", Sent("GET", "/items?a=1&b=2")),
    "no scheme": ("curl HOST/items", Sent("GET", "/items")),
    "-G": (
        "curl -G URL/search -d q=ann -d 'limit=5' --data-urlencode 'name=A & B'",
        Sent("GET", "/search?q=ann&limit=5&name=A+%26+B"),
    ),
    "-G beside a query": ("curl -G 'URL/s?x=1' -d y=2", Sent("GET", "/s?x=1&y=2")),
    "-G with what is no pair": ("curl -G URL/s -d flag", Sent("GET", "/s?flag")),
    "-G with the same name twice": ("curl -G URL/s -d a=1 -d a=2", Sent("GET", "/s?a=1&a=2")),
    "Slack": (SLACK, Sent("POST", "/services/T0/B0/xyz", '{"text":"Hello, World!"}', {"Content-Type": JSON})),
    "Stripe": (
        STRIPE,
        Sent(
            "POST", "/v1/customers",
            "name=Jenny+Rosen&email=jenny%2B1%40example.com&metadata[order_id]=6735&expand[]=invoice&expand[]=tax",
            {"Content-Type": FORM, "Authorization": "Basic c2tfdGVzdF80ZUMzOUhxTHlqV0Q6"}, "basic",
        ),
    ),
    "GitHub": (
        GITHUB,
        Sent(
            "POST", "/repos/OWNER/REPO/issues",
            """{"title":"Found a bug","body":"I'm having a problem.","milestone":1,"labels":["bug"],"draft":false}""",
            {
                "Content-Type": JSON, "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28",
                "Authorization": "Bearer <YOUR-TOKEN>",
            }, "bearer", curl_says_form=True,
        ),
    ),
    "FreshBooks": (
        FRESHBOOKS,
        Sent(
            "POST", "/accounting/account/a1/invoices/invoices",
            '{"invoice":{"customerid":19563,"create_date":"2026-01-08","discount_value":5.50,"po_number":null,'
            '"lines":[{"amount":{"amount":"5000.00","code":"USD"},"qty":"1","compounded_tax":true}]}}',
            {"Content-Type": JSON, "Api-Version": "alpha", "Authorization": "Bearer abc123"}, "bearer",
        ),
    ),
    "SOAP": (
        SOAP,
        Sent(
            "POST", "/soap",
            '<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
            '<soap:Body><Create xmlns="urn:x"><name lang="en">A &amp; B</name><qty>2</qty></Create></soap:Body>'
            "</soap:Envelope>",
            {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"urn:Create"'},
        ),
    ),
    "as Chrome copies it for bash": (
        CHROME_BASH,
        Sent(
            "PATCH", "/api/v2/items?page=1&q=a%20b", '{"name":"it\'s ! é 😀","n":1000}',
            {"Content-Type": JSON, "Accept": "*/*", "Cookie": "sid=1; theme=dark"},
        ),
    ),
    "--json": (
        "curl --json '{\"a\":' --json ' [1, 2.0]}' URL/x",
        Sent("POST", "/x", '{"a":[1,2.0]}', {"Content-Type": JSON, "Accept": JSON}),
    ),
    "--json with headers of its own": (
        """curl --json '{"a":1}' -H 'Accept: text/plain' URL/x""",
        Sent("POST", "/x", '{"a":1}', {"Content-Type": JSON, "Accept": "text/plain"}),
    ),
    "JSON of another media type": (
        """curl URL/x -H 'Content-Type: application/vnd.api+json' -d '{"data": {"type": "a"}}'""",
        Sent("POST", "/x", '{"data":{"type":"a"}}', {"Content-Type": "application/vnd.api+json"}),
    ),
    "a list": (
        """curl URL/x -H 'Content-Type: application/json' -d '[{"a": 1}, {"a": "1"}]'""",
        Sent("POST", "/x", '[{"a":1},{"a":"1"}]', {"Content-Type": JSON}),
    ),
    "numbers, texts, words and names": (
        """curl URL/x -H 'Content-Type: application/json' -d '{"n":-0.10,"big":12345678901234567890,"zip":"00420",
        "t":"true","f":false,"z":null,"e":"","o":{},"l":[],"a.b":1,"0":2,"{{ x }}":"{{ amount }}"}'""",
        Sent(
            "POST", "/x",
            '{"n":-0.10,"big":12345678901234567890,"zip":"00420","t":"true","f":false,"z":null,"e":"","o":{},"l":[],'
            '"a.b":1,"0":2,"{{ x }}":"{{ amount }}"}',
            {"Content-Type": JSON},
        ),
    ),
    "double quotes": (
        r'curl URL/x -H "Content-Type: application/json" -d "{\"a\": \"\$5 \\\\ back\", \"b\": \"x\"}"',
        Sent("POST", "/x", r'{"a":"$5 \\ back","b":"x"}', {"Content-Type": JSON}),
    ),
    "short options run together": (
        "curl -sSLXPOST URL/x -da=1 -Hx-a:b -o/dev/null",
        Sent("POST", "/x", "a=1", {"Content-Type": FORM, "x-a": "b"}),
    ),
    "a pipe, a comment and another command": (
        "curl URL/x -d a=1 2>/dev/null | cat # shows it\nls",
        Sent("POST", "/x", "a=1", {"Content-Type": FORM}),
    ),
    "a raw body that begins with @": (
        "curl URL/x --data-raw '@home=1'", Sent("POST", "/x", "%40home=1", {"Content-Type": FORM}),
    ),
    "a form with plus, percent and an empty value": (
        "curl URL/x -d 'a=1+2%2B3&b=&c=%C3%A9'", Sent("POST", "/x", "a=1+2%2B3&b=&c=%C3%A9", {"Content-Type": FORM}),
    ),
    "data beside a query": (
        "curl 'URL/x?a=1' -d b=2", Sent("POST", "/x?a=1", "b=2", {"Content-Type": FORM}),
    ),
    "--url-query": (
        "curl URL/x --url-query 'a=b c' -d d=1", Sent("POST", "/x?a=b%20c", "d=1", {"Content-Type": FORM}),
    ),
    "a POST of nothing": ("curl -X POST URL/x", Sent("POST", "/x", "", {})),
    "a DELETE": (
        'curl --request DELETE --url URL/x/1 --header "PRIVATE-TOKEN: glpat-1"',
        Sent("DELETE", "/x/1", "", {"PRIVATE-TOKEN": "glpat-1"}, "api_key"),
    ),
    "an API key in a header": (
        """curl -X PUT URL/x -H 'X-Shopify-Access-Token: shpat_1' -H 'Content-Type: application/json' -d '{"a":1}'""",
        Sent("PUT", "/x", '{"a":1}', {"Content-Type": JSON, "X-Shopify-Access-Token": "shpat_1"}, "api_key"),
    ),
    "Basic Authentication": (
        "curl -u 'ann@x.org/token:p:w' URL/x",
        Sent("GET", "/x", headers={"Authorization": "Basic YW5uQHgub3JnL3Rva2VuOnA6dw=="}, type="basic"),
    ),
    "Basic Authentication in a header": (
        "curl -H 'authorization: Basic YTpi' URL/x",
        Sent("GET", "/x", headers={"Authorization": "Basic YTpi"}, type="basic"),
    ),
    "Basic Authentication in the address": (
        "curl http://a:b%40c@HOST/x", Sent("GET", "/x", headers={"Authorization": "Basic YTpiQGM="}, type="basic"),
    ),
    "an authorization of the service's own": (
        "curl -H 'Authorization: Token token=abc' URL/x",
        Sent("GET", "/x", headers={"Authorization": "Token token=abc"}, type="api_key"),
    ),
    "--oauth2-bearer": (
        "curl --oauth2-bearer t0k URL/x", Sent("GET", "/x", headers={"Authorization": "Bearer t0k"}, type="bearer"),
    ),
    "headers taken away, empty and twice": (
        "curl URL/x -H 'X-A: 1' -H 'X-A: 2' -H 'X-Empty;' -H 'Accept:' -A me -e http://r.example",
        Sent("GET", "/x", headers={"X-A": "1, 2", "X-Empty": "", "User-Agent": "me", "Referer": "http://r.example"}),
    ),
    "JSON of one value": (
        "curl URL/x -H 'Content-Type: application/json' -d '5'", Sent("POST", "/x", "5", {"Content-Type": JSON}),
    ),
    "an empty object": (
        "curl --json '{}' URL/x", Sent("POST", "/x", "{}", {"Content-Type": JSON, "Accept": JSON}),
    ),
    "an empty list": (
        "curl URL/x -H 'Content-Type: application/json' -d '[]'", Sent("POST", "/x", "[]", {"Content-Type": JSON}),
    ),
    "XML with text between elements": (
        "curl URL/x -d '<a>x<b/>y</a>'", Sent("POST", "/x", "<a>x<b/>y</a>", {"Content-Type": FORM}),
    ),
    "a form with a name twice": ("curl URL/x -d 'a=1&a=2'", Sent("POST", "/x", "a=1&a=2", {"Content-Type": FORM})),
    "plain text": (
        "curl URL/x -H 'Content-Type: text/plain' -d 'hello'", Sent("POST", "/x", "hello", {"Content-Type": "text/plain"}),
    ),
}  # fmt: skip
"""Name → (command, the request it comes to). URL and HOST stand for the receiver's."""

NOT_FOR_BASH: dict[str, tuple[str, Sent]] = {
    "as Chrome copies it for the command prompt": (
        CHROME_CMD,
        Sent("PUT", "/api?x=1&y=%20z", r'{"name":"A & B","path":"C:\\x","ok":true}', {"Content-Type": JSON}),
    ),
    "carets at the ends of lines": (CMD, Sent("POST", "/x", '{"a":1,"b":"x^y"}', {"Content-Type": JSON})),
    "PowerShell": (POWERSHELL, Sent("POST", "/x", '{"a":1}', {"Content-Type": JSON})),
    "line ends without a backslash": (
        "curl URL/x\n  -H 'Content-Type: application/json'\n  -d '{\"a\": 1}'",
        Sent("POST", "/x", '{"a":1}', {"Content-Type": JSON}),
    ),
    "a space behind the backslash": ("curl URL/x \\ \n -d a=1", Sent("POST", "/x", "a=1", {"Content-Type": FORM})),
    "typographic quotes": ("curl URL/x -d “a=1 2”", Sent("POST", "/x", "a=1+2", {"Content-Type": FORM})),
    "an address that is not quoted": ("curl URL/items?a=1&b=<ID>", Sent("GET", "/items?a=1&b=%3CID%3E")),
    "a variable": (
        'curl -H "Authorization: Bearer $TOKEN" URL/x',
        Sent("GET", "/x", headers={"Authorization": "Bearer $TOKEN"}, type="bearer"),
    ),
}
"""What curl on this machine can't confirm: other shells, and what a shell would read otherwise than it is meant."""


def request_of(command: str) -> tuple[Request, str]:
    """The request of the form that the command filled, saved with the secrets that came with it; its authorization."""
    pasted = from_curl(command)
    return built(pasted), pasted.document["authorization"]["type"]


def built(pasted: FromCurl) -> Request:
    draft = draft_of_webhook({"title": "Pasted", **pasted.document})
    for key, value in pasted.document["authorization"].items():
        if key in SECRETS:
            draft["authorization"][key] = value
    document = document_of_webhook(draft)
    errors: dict[str, str] = {}
    webhook = parse_webhook(document, "", errors, Schema({}), {}, {})
    assert webhook is not None, errors
    return authorize(build_request(webhook, Context({})), webhook.authorization)


def at(command: str, url: str) -> str:
    return command.replace("URL", url).replace("HOST", url.removeprefix("http://"))


@pytest.mark.parametrize(("command", "sent"), (CASES | NOT_FOR_BASH).values(), ids=CASES | NOT_FOR_BASH)
def test_a_command_becomes_the_request_that_it_describes(command: str, sent: Sent) -> None:
    request, authorization = request_of(at(command, HOST))
    assert (request.method, request.url, (request.body or b"").decode()) == (sent.method, HOST + sent.target, sent.body)
    assert headers_of(request.headers) == headers_of(sent.headers.items())
    assert authorization == sent.type


@pytest.mark.parametrize(("command", "sent"), CASES.values(), ids=CASES)
def test_curl_sends_what_the_table_says(receiver: Receiver, command: str, sent: Sent) -> None:
    if shutil.which("curl") is None:
        missing("curl", "the table stands without it, but it would confirm it")
    clean = {"PATH": "/usr/bin:/bin", "no_proxy": "*", "HOME": "/nonexistent"}
    done = subprocess.run(["bash", "-c", at(command, receiver.url).removeprefix("$ ")], env=clean, capture_output=True)
    if not receiver.requests and "unknown" in done.stderr.decode():
        pytest.skip("this curl does not know the option yet")
    received = receiver.wait_for(1)[0]
    method, target, _ = received.line.split(" ")
    content_type = received.header("Content-Type") or ""
    assert method == sent.method
    assert meaning_of_target(target) == meaning_of_target(sent.target)
    written_as = sent.headers.get("Content-Type", "")
    assert meaning(received.body.decode(), written_as) == meaning(sent.body, written_as)
    if sent.body and not sent.curl_says_form:
        assert content_type == written_as
    own = {"host", "content-length", "content-type", "accept-encoding"} | (
        {"user-agent", "accept"} - {name.lower() for name in sent.headers}
    )
    sent_headers = [(name, value) for name, value in received.headers if name.lower() not in own]
    assert headers_of(sent_headers) == headers_of([pair for pair in sent.headers.items() if pair[0] != "Content-Type"])


def headers_of(pairs: Any) -> dict[str, str]:
    """By name in lower case; a header that is listed twice as one."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def meaning_of_target(target: str) -> Any:
    parts = urlsplit(target)
    return parts.path, parse_qsl(parts.query, keep_blank_values=True)


def meaning(body: str, content_type: str) -> Any:
    """What a receiver reads out of a body: values and their types, whatever the spaces between them."""
    if not body:
        return ""
    if "json" in content_type:
        return typed(exact_json.loads(body))
    if "xml" in content_type:
        return tree_of(xpath.read(body.encode()))
    return parse_qsl(body, keep_blank_values=True)


def typed(value: Any) -> Any:
    """Such that no number equals a truth value, in the order of the names."""
    if isinstance(value, dict):
        return [(key, typed(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return (type(value) in (int, Decimal), value)


def tree_of(element: Any) -> Any:
    return element.tag, dict(element.attrib), (element.text or "").strip(), [tree_of(child) for child in element]


REFUSED = {
    "nothing": ("", "must start with curl"),
    "another program": ("wget https://x.example", "must start with curl"),
    "no address": ("curl -X POST", "no address"),
    "an open quote": ("curl 'https://x.example", "never closed"),
    "a multipart form": ("curl -F a=b https://x.example", "multipart form"),
    "an upload": ("curl -T file https://x.example", "Uploading a file"),
    "a body in a file": ("curl -d @body.json https://x.example", "in the file body.json"),
    "a binary body in a file": ("curl --data-binary @- https://x.example", "in the file"),
    "an encoded file": ("curl --data-urlencode name@file.txt https://x.example", "in the file file.txt"),
    "headers in a file": ("curl -H @headers.txt https://x.example", "in the file headers.txt"),
    "cookies in a file": ("curl -b cookies.txt https://x.example", "in the file cookies.txt"),
    "a GET with a body": ("curl -X GET https://x.example -d '{\"query\": 1}'", "GET with a body"),
    "HEAD": ("curl -I https://x.example", "HEAD is not supported"),
    "a method of its own": ("curl -X PURGE https://x.example", "PURGE is not supported"),
    "a digest": ("curl --digest -u a:b https://x.example", "authorization is not supported"),
    "a client's certificate": ("curl --cert c.pem https://x.example", "certificate"),
    "a proxy": ("curl -x http://p.example https://x.example", "proxy"),
    "several requests": ("curl https://x.example --next https://y.example", "several requests"),
    "two addresses": ("curl https://x.example https://y.example", "was not expected"),
    "an unknown option": ("curl --quic https://x.example", "--quic"),
    "an option without its value": ("curl https://x.example -d", "has no value"),
    "a header that is none": ("curl -H nothing https://x.example", "not a header"),
    "a timeout that is none": ("curl -m soon https://x.example", "not a number"),
    "JSON that is none": ("curl https://x.example -H 'Content-Type: application/json' -d '{oops'", "not JSON"),
    "XML that is none": ("curl https://x.example -H 'Content-Type: text/xml' -d '<a>'", "XML can't be read"),
    "a multipart body": ("curl https://x.example -H 'Content-Type: multipart/form-data' -d 'hello'", "multipart"),
}  # fmt: skip


@pytest.mark.parametrize(("command", "words"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_taken_over_is_refused_in_words(command: str, words: str) -> None:
    with pytest.raises(CurlProblem, match=re.escape(words)):
        from_curl(command)


def test_options_that_a_webhook_has_come_along() -> None:
    document = from_curl("curl -L --max-time 30 --connect-timeout 2 https://x.example").document
    assert document["follow_redirects"] is True and document["timeout_s"] == 30


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('curl -H "Authorization: Bearer $TOKEN" https://x.example/${ID}', "in place of $TOKEN, ${ID}"),
        ("curl https://x.example -d '{\"a\": 1}'", "is sent as application/json"),
        ("curl -H 'Host: other.example' https://x.example", "Left out"),
    ],
)
def test_what_differs_or_is_still_to_be_done_is_said(command: str, words: str) -> None:
    assert words in " ".join(from_curl(command).notes)

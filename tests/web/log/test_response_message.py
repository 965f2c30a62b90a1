"""The sentence of an answer that says what is wrong."""

from __future__ import annotations

import pytest

from webhookui.web.log.payload import payload
from webhookui.web.log.response_message import response_message

JSON, XML, HTML = "application/json", "application/xml", "text/html"


@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        (JSON, '{"error":{"message":"The customer has no billing address."}}', "The customer has no billing address."),
        (JSON, '{"error":"invalid_grant","error_description":"The token has expired."}', "The token has expired."),
        (JSON, '{"errors":{"email":["is invalid","is taken"],"name":["is empty"]}}',
         "email: is invalid; is taken; name: is empty"),
        (JSON, '{"errors":[{"code":7,"detail":"No such account"}]}', "No such account"),
        (JSON, '{"type":"about:blank","title":"Bad Request","status":400}', "Bad Request"),
        (JSON, '{"Message":"denied"}', "denied"),
        (JSON, '{"ok":false}', '{"ok":false}'),
        (JSON, '"just text"', '"just text"'),
        (JSON, "{broken", "{broken"),
        (XML, "<a><faultcode>7</faultcode><faultstring>No such account</faultstring></a>", "No such account"),
        (XML, "<a><b/></a>", "<a><b/></a>"),
        (HTML, "<html><title>404 &amp; gone</title><body>long</body></html>", "404 & gone"),
        (HTML, "<html><body>long</body></html>", ""),
        ("text/plain", "no  such\nhook", "no such hook"),
        ("image/png", "\x00\x01", ""),
        (JSON, "", ""),
    ],
)  # fmt: skip
def test_what_a_third_party_says(content_type: str, body: str, sentence: str) -> None:
    assert response_message(payload(body.encode(), content_type)) == sentence


def test_a_long_answer_is_cut() -> None:
    assert len(response_message(payload(b"word " * 1000, "text/plain"))) == 300

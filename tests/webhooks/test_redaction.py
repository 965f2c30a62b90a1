"""Secrets are taken out of what third parties say back, in whatever form a program gives them."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.webhooks.authorization import secrets_in
from webhookui.webhooks.definition import MASK, Authorization
from webhookui.webhooks.redaction import Redaction

SECRET = "p4ss/wörd+\"<&>\\='"
AROUND = st.text(alphabet="xyz 09{}:,\"'<>&%", max_size=20)


@pytest.mark.parametrize(
    "form",
    [
        SECRET, quote(SECRET), quote_plus(SECRET), quote(SECRET, safe=""), quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1], json.dumps(quote(SECRET))[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"), json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        html.escape(SECRET), html.escape(quote(SECRET)), 'p4ss/wörd+\\"\\u003c\\u0026\\u003e\\\\=\'',
    ],
)  # fmt: skip
@given(before=AROUND, after=AROUND)
def test_a_secret_is_masked_in_every_form_and_nothing_around_it(form: str, before: str, after: str) -> None:
    redactor = Redaction([SECRET])
    assert redactor.text(before + form + after) == before + MASK + after
    assert redactor.data((before + form + after).encode()) == (before + MASK + after).encode()


@given(st.text(min_size=8, max_size=30), AROUND)
def test_no_secret_survives(secret: str, before: str) -> None:
    assert secret not in Redaction([secret]).text(f"{before}{secret} {json.dumps(secret, ensure_ascii=False)}")


@pytest.mark.parametrize(
    ("secret", "text", "masked"),
    [
        ("test", "the latest test", f"the latest {MASK}"),
        ("test", '{"test":"test1"}', f'{{"{MASK}":"test1"}}'),
        ("p", "<p>type p</p>", "<p>type p</p>"),
        ("abc", "abc", "abc"),
        ("longer-than-that", "xlonger-than-thatx", f"x{MASK}x"),
    ],
)
def test_a_short_secret_counts_where_it_stands_alone(secret: str, text: str, masked: str) -> None:
    assert Redaction([secret]).text(text) == masked


def test_the_longer_of_two_goes_first() -> None:
    assert Redaction(["secret-key", "secret-key-2"]).text("secret-key-2 secret-key") == f"{MASK} {MASK}"


def test_bytes_in_another_charset_are_masked_too() -> None:
    assert Redaction(["pässword-1"]).data("é pässword-1".encode("latin-1")) == b"\xe9 ******"
    assert Redaction(["pass-word-1"]).data(b"\xff\x00 pass-word-1 \x00") == b"\xff\x00 ****** \x00"


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_secret_is_masked_in_wide_charsets(charset: str) -> None:
    text = 'ž {"echo":"Bearer %s","short":"test","other":"latest tests"}'
    redactor = Redaction(["pässword-1", "test"])
    assert redactor.data((text % "pässword-1").encode(charset)).decode(charset) == (text % "******").replace(
        '"test"', '"******"'
    )


def test_what_holds_no_secret_is_left_as_it_is() -> None:
    body = "{}".encode("utf-16")
    assert Redaction(["some-secret-1"]).data(body) is body
    body = b'{"a":1}'
    assert Redaction(["some-secret-1"]).data(body) is body
    assert Redaction([]).data(body) is body
    assert Redaction([]).text("a") == "a"


@pytest.mark.parametrize(
    ("authorization", "token", "secrets"),
    [
        (Authorization(), None, ()),
        (
            Authorization(type="basic", username="ann", password="s3cret"),
            None,
            ("s3cret", base64.b64encode(b"ann:s3cret").decode()),
        ),
        (Authorization(type="bearer", token="t0ken"), None, ("t0ken",)),
        (Authorization(type="api_key", in_="query", name="k", value="v4lue"), None, ("v4lue",)),
        (
            Authorization(type="oauth2", client_id="ann", client_secret="s3cret"),
            "t0ken",
            ("s3cret", base64.b64encode(b"ann:s3cret").decode(), "t0ken"),
        ),
    ],
)
def test_what_is_secret_about_an_authorization(
    authorization: Authorization, token: str | None, secrets: tuple[str, ...]
) -> None:
    assert secrets_in(authorization, token) == secrets

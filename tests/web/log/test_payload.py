"""Bodies as pages show them (specification section 7): labelled, pretty where nothing is lost, never rendered."""

import json

import pytest

from webhookui.web.log.payload import hex_dump, indent_json, indent_xml, payload


def test_json_is_indented_without_changing_a_number_an_escape_an_order_or_a_doubled_name() -> None:
    text = '{"b":1.00,"a":[1e3,{"x":"\\u00e9, {\\"y\\"}"}],"b":[],"c":{}}'
    pretty = indent_json(text)
    assert pretty == (
        '{\n  "b": 1.00,\n  "a": [\n    1e3,\n    {\n      "x": "\\u00e9, {\\"y\\"}"\n    }\n  ],\n  "b": [],\n  "c": {}\n}'
    )
    assert json.loads(pretty) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", '{"a":}', "plain", "[1,]"])
def test_what_is_no_json_is_not_indented(text: str) -> None:
    assert indent_json(text) is None


def test_xml_is_indented_and_keeps_its_declaration() -> None:
    assert (
        indent_xml('<?xml version="1.0"?><a><b x="1">t</b></a>') == '<?xml version="1.0"?>\n<a>\n  <b x="1">t</b>\n</a>'
    )


def test_xml_with_a_dtd_is_shown_as_received() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    assert payload(bomb.encode(), "application/xml").text == bomb


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (None, "", "empty"),
        (b"", "application/json", "empty"),
        (b'{"a":1}', "application/json; charset=utf-8", "json"),
        (b'{"a":1}', "application/problem+json", "json"),
        (b"  [1]", "text/plain", "json"),
        (b"<?xml version='1.0'?><a/>", "", "xml"),
        (b"<a/>", "application/soap+xml", "xml"),
        (b"<!DOCTYPE html><html></html>", "", "html"),
        (b"<script>alert(1)</script>", "text/html", "html"),
        (b"a=1&b=%20", "application/x-www-form-urlencoded", "form"),
        (b"hello", "text/plain", "text"),
        (b"\x89PNG\r\n\x1a\n\x00", "image/png", "binary"),
        (b"\xff\xfe\x00", "", "binary"),
        ("žluť".encode("iso-8859-2"), "text/plain; charset=iso-8859-2", "text"),
    ],
)
def test_a_body_is_labelled_by_what_it_is(body: bytes | None, content_type: str, kind: str) -> None:
    assert payload(body, content_type).kind == kind


def test_json_that_is_none_says_so_and_is_shown_as_received() -> None:
    shown = payload(b"{oops", "application/json")
    assert shown.text == "{oops"
    assert shown.notes[0].startswith("Not valid JSON, though it claims to be (line 1, column 2: ")


def test_a_cut_inside_a_character_is_still_text_and_the_cut_is_noted() -> None:
    shown = payload("é".encode()[:1].rjust(9, b"x"), "text/plain", size=20)
    assert shown.kind == "text"
    assert shown.notes == ("Cut: the first 9 of 20 bytes are shown.",)


def test_a_form_is_shown_name_by_name_and_raw() -> None:
    shown = payload(b"a%5Bb%5D=1&c=", "application/x-www-form-urlencoded")
    assert (shown.text, shown.raw) == ("a[b] = 1\nc = ", "a%5Bb%5D=1&c=")


def test_a_hex_dump_has_offset_bytes_and_characters() -> None:
    assert hex_dump(b"AB\x00") == "00000000  41 42 00" + " " * 39 + "  AB·"


def test_a_deep_nest_of_brackets_does_no_harm() -> None:
    assert payload(b"[" * 60000, "application/json").kind == "json"


@pytest.mark.parametrize(
    ("body", "content_type", "charset", "text"),
    [
        (b"{}", "application/json", "UTF-8", "{}"),
        ("žluť".encode("cp1250"), "text/plain; charset=windows-1250", "CP1250", "žluť"),
        ("žluť".encode(), 'text/plain; charset="no-such"', "UTF-8", "žluť"),
        ("žluť".encode(), "text/plain; charset=ascii", "UTF-8", "žluť"),
        (
            '<?xml version="1.0" encoding="iso-8859-2"?>\n<a>ž</a>'.encode("iso-8859-2"),
            "application/xml",
            "ISO8859-2",
            "ž",
        ),
        ("<html><meta charset=iso-8859-1>é".encode("latin-1"), "text/html", "ISO8859-1", "é"),
        ("{}".encode("utf-16"), "application/json; charset=utf-16", "UTF-16", "{}"),
        (b"\xff", "text/plain; charset=undefined", "", "ff"),
    ],
)
def test_the_charset_is_the_one_the_bytes_are_really_in(
    body: bytes, content_type: str, charset: str, text: str
) -> None:
    shown = payload(body, content_type)
    assert shown.charset == charset
    assert text in shown.text


def test_a_charset_that_is_not_true_is_told() -> None:
    assert payload("ž".encode(), "text/plain; charset=ascii").notes == (
        "It claims charset=ascii, which it is not; read as UTF-8.",
    )


def test_what_stands_beside_the_root_of_an_xml_is_kept() -> None:
    assert indent_xml("<?xml version='1.0'?><!-- before --><a/>") == "<?xml version='1.0'?>\n<!-- before -->\n<a/>"


def test_64_kib_and_one_byte_are_cut_and_said_so() -> None:
    shown = payload(b"[" + b"1," * 32767 + b"1]", "application/json", size=65537)
    assert shown.notes == ("Cut: the first 65,536 of 65,537 bytes are shown.",)
    assert (shown.label, shown.size, len(shown.text)) == ("JSON", 65537, 65536)


def test_a_nest_of_brackets_does_not_swell() -> None:
    assert len(payload(b"[" * 900 + b"]" * 900, "application/json").text) < 200_000

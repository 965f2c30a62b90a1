"""The extended dialect (specification section 5): what jsonpath-ng has and RFC 9535 has not gives the right value, or none,
in words."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.core import exact_json
from webhookui.webhooks import capture
from webhookui.webhooks.paths.evaluation import evaluate
from webhookui.webhooks.paths.jsonpath import EXTENDED
from webhookui.webhooks.paths.path_error import PathError

ORDER = json.dumps(
    {
        "id": "INV-00012",
        "csv": "a,b,c",
        "ok": True,
        "none": None,
        "n": [3, 1, 2],
        "words": ["pear", "apple"],
        "mixed": [1, "a"],
        "flags": [True, False],
        "big": 12345678901234567890,
        "lines": [
            {"name": "Bolt", "price": 1250.10, "qty": 3, "tags": ["b", "a"]},
            {"name": "Anvil", "price": 99.90, "qty": 1, "tags": []},
            {"name": "Cog", "price": 0.30, "qty": 2, "tags": ["z"], "note": "x"},
        ],
    }
).replace("1250.1,", "1250.10,").replace("99.9,", "99.90,").replace("0.3,", "0.30,").encode()  # fmt: skip
D = Decimal

RIGHT: dict[str, list[Any]] = {
    "$.lines.`len`": [3],
    "$.csv.`len`": [5],
    "$.lines[0].`len`": [4],
    "$.lines[*].tags.`len`": [2, 0, 1],
    "$.`len`": [10],
    "$.ok.`len`": [],
    "$.n[0].`len`": [],
    "$.missing.`len`": [],
    "$.lines[0].`keys`": ["name", "price", "qty", "tags"],
    "$.n.`keys`": [],
    "$.n.`sorted`": [[1, 2, 3]],
    "$.n.`sorted`[0]": [1],
    "$.words.`sorted`[0]": ["apple"],
    "$.lines[/price][0].name": ["Cog"],
    r"$.lines[\price][0].name": ["Bolt"],
    r"$.lines[\price, /name][*].qty": [3, 1, 2],
    "$.lines[/name].`len`": [3],
    '$.lines[?(@.name =~ "^[AB]")].price': [D("1250.10"), D("99.90")],
    "$.lines[?@.name =~ 'o'].name": ["Bolt", "Cog"],
    r'$.lines[?(@.name =~ "^\w+$")].qty': [3, 1, 2],
    '$.lines[?(@.tags[0] =~ "^b$")].name': ["Bolt"],
    '$.lines[?(@.qty =~ "1")].name': [],
    '$.lines[?(@.missing =~ ".")].name': [],
    "$..name.`parent`.qty": [3, 1, 2],
    "$.lines[?@.qty==1].name.`parent`.price": [D("99.90")],
    "$.lines[*].`parent`[0].qty": [3],
    "$.`parent`": [],
    "$.id.`sub(/INV-0*/, )`": ["12"],
    r"$.id.`sub(/(\w+)-(\d+)/, \2)`": ["00012"],
    r"$.id.`sub(/(\\w+)-(\\d+)/, \\2)`": ["00012"],
    "$.id.`sub(/x/, y)`": [],
    "$.csv.`split(',', 1, -1)`": ["b"],
    "$.csv.`split(',', *, -1)`": [["a", "b", "c"]],
    "$.csv.`split(',', 9, -1)`": [],
    "$.ok.`str()`": ["true"],
    "$.none.`str()`": [""],
    "$.lines[0].price.`str()`": ["1250.10"],
    "$.big.`str()`": ["12345678901234567890"],
    "$.lines[0].price + $.lines[1].price": [D("1350.00")],
    "$.lines[2].price + $.lines[2].price": [D("0.60")],
    "$.lines[0].price - 0.1": [D("1250.00")],
    "$.lines[*].price * $.lines[*].qty": [D("3750.30"), D("99.90"), D("0.60")],
    "2 * $.n[0]": [D("6")],
    "$.big + 1": [D("12345678901234567891")],
    "$.missing + 1": [],
}  # fmt: skip


@pytest.mark.parametrize("path", RIGHT)
def test_a_path_of_the_extended_dialect_gives_these_values(path: str) -> None:
    assert capture.dialect("JSONPATH", path) == EXTENDED
    got = evaluate("JSONPATH", path, ORDER, {})
    assert [(type(value), str(value)) for value in got] == [(type(value), str(value)) for value in RIGHT[path]]


FAILS: dict[str, str] = {
    "$.mixed.`sorted`": "Only a list of numbers, or one of texts, can be sorted",
    "$.flags.`sorted`": "Only a list of numbers",
    "$.id.`sorted`": "Only a list of numbers",
    "$.lines.`sorted`": "Only a list of numbers",
    r"$.lines[\note]": "“note” are all numbers, or all texts",
    r"$.lines[\tags]": "“tags” are all numbers, or all texts",
    r"$.n[\name]": "“name” are all numbers, or all texts",
    r"$.id[\name]": "“name” are all numbers, or all texts",
    "$.n[0].`sub(/3/, 4)`": "take text; this is “3”",
    "$.none.`split(',', 0, -1)`": "take text",
    "$.ok + 1": "Calculations need numbers",
    "$.id + 1": "Calculations need numbers",
    "$.id * 3": "Calculations need numbers",
    "$.words[*] + $.n[*]": "2 and 3 values can't be combined",
    "$.lines[*].qty + 1": "3 and 1 values can't be combined",
}


@pytest.mark.parametrize("path", FAILS)
def test_where_the_dialect_would_guess_it_fails_in_words(path: str) -> None:
    assert capture.dialect("JSONPATH", path) == EXTENDED
    with pytest.raises(PathError, match=FAILS[path]):
        capture.find("JSONPATH", path, ORDER)


@pytest.mark.parametrize(
    "path", ["$.lines[?(@.qty == 1.0)].name", "$.lines[?(@.price > '1')].name", "$.id[0]", "$.lines[-1:].name"]
)
def test_what_both_know_is_followed_by_the_rfc(path: str) -> None:
    assert capture.dialect("JSONPATH", path) != EXTENDED


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=20), st.decimals(allow_nan=False, allow_infinity=False)
)
@pytest.mark.parametrize("sign", "+-*")
def test_what_is_calculated_has_all_its_digits(sign: str, left: Decimal, right: Decimal) -> None:
    body = exact_json.dumps({"a": left, "b": right}).encode()
    with localcontext(prec=10_000):
        expected = {"+": left + right, "-": left - right, "*": left * right}[sign]
    if len(expected.as_tuple().digits) > 1000:
        with pytest.raises(PathError, match="more than 1000 digits"):
            evaluate("JSONPATH", f"$.a {sign} $.b", body, {})
    else:
        assert evaluate("JSONPATH", f"$.a {sign} $.b", body, {}) == [expected]


@pytest.mark.parametrize(
    ("path", "body", "exact_value"),
    [
        ("$.a + $.b", b'{"a":12345678901234567890123456789.5,"b":0.25}', Decimal("12345678901234567890123456789.75")),
        ("$.a * 3", b'{"a":12345678901234567890123456789}', Decimal("37037036703703703670370370367")),
        ("$.a.`str()`", b'{"a":[0.12345678901234567890123]}', "0.12345678901234567890123"),
        ("$.a.`str()`", b'{"a":{"b":9007199254740993.5}}', '{"b":9007199254740993.5}'),
        ("$.a.`sorted`", b'{"a":[9007199254740993.5,9007199254740993.25]}',
         [Decimal("9007199254740993.25"), Decimal("9007199254740993.5")]),
    ],
)  # fmt: skip
def test_no_function_rounds(path: str, body: bytes, exact_value: Any) -> None:
    assert evaluate("JSONPATH", path, body, {}) == [exact_value]

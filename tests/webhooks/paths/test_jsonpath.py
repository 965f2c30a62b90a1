"""JSONPath (specification section 5): every valid path of RFC 9535 gives the right values, every other is refused when saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.jsonpath_grammar import is_path
from tests.webhooks.paths import jsonpath_cases as cases
from webhookui.core import exact_json
from webhookui.webhooks import capture
from webhookui.webhooks.paths.evaluation import evaluate
from webhookui.webhooks.paths.jsonpath import RFC, is_simple
from webhookui.webhooks.paths.path_error import PathError


def select_values(document: Any, path: str) -> Any:
    """The values, and that the path is one of the RFC."""
    assert capture.dialect("JSONPATH", path) == RFC
    return evaluate("JSONPATH", path, json.dumps(document).encode(), {})


def same(got: Any, expected: Any) -> bool:
    """Equal and of the same type: 1 is not true."""
    return json.dumps(got, default=float) == json.dumps(expected)


def refused(path: str) -> bool:
    try:
        capture.check_path("JSONPATH", path)
    except PathError:
        return True
    return False


@pytest.mark.parametrize(("document", "path", "expected"), cases.SELECTED, ids=lambda value: str(value)[:50])
def test_a_path_selects_these_values_in_this_order(document: Any, path: str, expected: list[Any]) -> None:
    got = select_values(document, path)
    assert same(got, expected), got


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_every_pair_of_operands_compares_as_the_rfc_says(operator: str) -> None:
    wrong = []
    for left, right in product(cases.VALUES, cases.VALUES):
        equal, less, greater = left == right, (left, right) in cases.LESS, (right, left) in cases.LESS
        holds = {"==": equal, "!=": not equal, "<": less, "<=": less or equal, ">": greater, ">=": greater or equal}
        got = select_values({"it": [1], **cases.OPERANDS}, f"$.it[?{left}{operator}{right}]")
        if got != ([1] if holds[operator] else []):
            wrong.append((left, operator, right))
    assert wrong == []


def test_lists_and_objects_are_equal_by_what_is_in_them() -> None:
    for path in ("$.it[?$.l1==$.again.l1]", "$.it[?$.o1==$.again.o1]"):
        assert select_values({"it": [1], **cases.OPERANDS}, path) == [1]


@pytest.mark.parametrize(("text", "expected"), cases.SLICES)
def test_a_slice_selects_these(text: str, expected: list[int]) -> None:
    assert select_values(cases.TEN, f"$[{text}]") == expected
    assert (
        select_values({"a": 1}, f"$[{text}]")
        == select_values("text", f"$[{text}]")
        == select_values([], f"$[{text}]")
        == []
    )


def test_slices_follow_one_another() -> None:
    assert select_values([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "$[1:3][1:2]") == [5, 8]
    assert select_values([1, 2, 3], "$[1:3][::]") == []


@pytest.mark.parametrize("text", cases.BAD_INTEGERS)
@pytest.mark.parametrize(
    "place", ["$[{}]", "$[{}::]", "$[:{}]", "$[:{}:]", "$[::{}]", "$[0,{}]", "$[?@[{}]==1]", "$..[{}]"]
)
def test_what_is_no_whole_number_is_no_index(place: str, text: str) -> None:
    assert refused(place.format(text))


@pytest.mark.parametrize(("text", "number"), cases.NUMBERS)
def test_a_number_can_be_written_like_this(text: str, number: Any) -> None:
    assert same(select_values([{"a": number}, {"a": 77}], f"$[?@.a=={text}].a"), [number])


@pytest.mark.parametrize("text", cases.BAD_NUMBERS)
@pytest.mark.parametrize("place", ["$[?@.a=={}]", "$[?{}==@.a]", "$[?@.a<{}]", "$[?length({})==1]"])
def test_a_number_cannot_be_written_like_this(place: str, text: str) -> None:
    assert refused(place.format(text))


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize(("text", "name"), [*cases.ESCAPES, ("own quote", "")], ids=ascii)
def test_a_quoted_name_stands_for(text: str, name: str, quote: str) -> None:
    other = '"' if quote == "'" else "'"
    if text == "own quote":
        text, name = f"\\{quote}{other}", quote + other
    assert select_values({name: 1, "else": 2}, f"$[{quote}{text}{quote}]") == [1]
    assert select_values([name, "else"], f"$[?@=={quote}{text}{quote}]") == [name]


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("text", [*cases.BAD_ESCAPES, *map(chr, range(0x20)), "other quote"], ids=ascii)
def test_between_quotes_this_is_refused(text: str, quote: str) -> None:
    text = "\\" + ('"' if quote == "'" else "'") if text == "other quote" else text
    for place in ("$[{}]", "$['x',{}]", "$..[{}]", "$[?@=={}]", "$[?match(@, {})]"):
        assert refused(place.format(f"{quote}{text}{quote}")), place


def blanked(template: str, blanks: list[str]) -> Iterator[str]:
    """The template with each of its _ filled, one at a time and all at once."""
    pieces = template.split("_")
    for blank in blanks:
        yield blank.join(pieces)
        for position in range(1, len(pieces)):
            yield "".join(pieces[:position]) + blank + "".join(pieces[position:])


@pytest.mark.parametrize(("document", "template", "expected"), cases.MAY_BE_BLANK, ids=lambda value: str(value)[:40])
def test_blanks_may_stand_here_and_nothing_that_only_looks_like_one(
    document: Any, template: str, expected: Any
) -> None:
    assert select_values(document, template.replace("_", "")) == expected
    for path in blanked(template, cases.BLANKS):
        assert select_values(document, path) == expected, path
    for path in blanked(template, cases.NO_BLANKS):
        assert refused(path), ascii(path)


@pytest.mark.parametrize("template", cases.MUST_NOT_BE_BLANK)
def test_blanks_must_not_stand_here(template: str) -> None:
    for path in blanked(template, [*cases.BLANKS, *cases.NO_BLANKS]):
        assert refused(path), ascii(path)


@pytest.mark.parametrize("query", cases.SINGULAR_ONLY)
def test_what_may_select_several_values_is_no_operand(query: str) -> None:
    for path in (query, query.replace("@", "$", 1)):
        for operator in ("==", "!=", "<", "<=", ">", ">="):
            assert refused(f"$[?{path}{operator}42]")
            assert refused(f"$[?42{operator}{path}]")
            assert refused(f"$[?({path}{operator}@.a)]")
        assert refused(f"$[?length({path})<3]")
        assert refused(f"$[?match({path}, 'a')]")
        assert refused(f"$[?search('a', {path})]")
        assert not refused(f"$[?{path}]")
        assert not refused(f"$[?count({path})==1]")


@pytest.mark.parametrize("path", cases.REFUSED)
def test_this_is_no_path(path: str) -> None:
    assert refused(path)


@pytest.mark.parametrize(
    ("path", "column"), [("$.a[", 5), ("$.a b", 5), ("$[01]", 3), ("$.items[?@.a==]", 15), ("$['a", 3), ("$.a.&", 5)]
)
def test_a_refusal_names_the_column(path: str, column: int) -> None:
    with pytest.raises(PathError) as error:
        capture.check_path("JSONPATH", path)
    assert error.value.column is not None
    assert abs(error.value.column - column) <= 2


@pytest.mark.parametrize(
    "path",
    [
        "$" + "[?@" * 200 + "]" * 200,
        "$[?" + "(" * 480 + "@.a" + ")" * 480 + "]",
        "$[?" + "!" * 900 + "@.a]",
        "$" * 1001,
        "$." + "a" * 999,
    ],
)
def test_a_path_that_is_too_long_or_too_deep_is_refused(path: str) -> None:
    assert refused(path)


EXACT = {
    '{"a": 1250.00}': Decimal("1250.00"),
    '{"a": 0.1}': Decimal("0.1"),
    '{"a": 12345678901234567890}': 12345678901234567890,
    '{"a": 1234567890123456789.123456789}': Decimal("1234567890123456789.123456789"),
    '{"a": -0.0}': Decimal("-0.0"),
    '{"a": 1e3}': Decimal("1E+3"),
    '{"a": 1e400}': Decimal("1E+400"),
    '{"a": {"b": [1.10, {"c": 2.20}]}}': {"b": [Decimal("1.10"), {"c": Decimal("2.20")}]},
    '\ufeff{"a": "bom"}': "bom",
    '{"a": "\\u017d\\ud83d\\ude00"}': "Ž😀",
    '{"a": "00420"}': "00420",
    '{"a": true}': True,
    '{"a": null}': None,
}


@pytest.mark.parametrize("body", EXACT, ids=ascii)
def test_values_come_out_as_they_stand_there(body: str) -> None:
    (got,) = capture.find("JSONPATH", "$.a", body.encode())
    assert exact_json.dumps(got) == exact_json.dumps(EXACT[body])
    assert type(got) is type(EXACT[body])


def test_filters_compare_numbers_to_their_last_digit() -> None:
    rows = (
        b'{"a": 0.1000000000000000055, "b": 0.1, "n": 1}',
        b'{"a": 9007199254740993.0, "b": 9007199254740992, "n": 2}',
    )
    body = b"[%s, %s, %s]" % (*rows, b'{"a": 2.50, "b": 2.5, "n": 3}')
    assert capture.find("JSONPATH", "$[?@.a==@.b].n", body) == [3]
    assert capture.find("JSONPATH", "$[?@.a>@.b].n", body) == [1, 2]
    assert capture.find("JSONPATH", "$[?@.a>=2.5].n", body) == [2, 3]


NOT_READ = {
    b"": "JSON", b"hello": "JSON", b"<a/>": "JSON", b'{"a": NaN}': "JSON", b'{"a": Infinity}': "JSON", b"{'a': 1}": "JSON",
    b'{"a": 1,}': "JSON", b'{"a": 01}': "JSON", b'{"a": 1} {"a": 2}': "JSON", b'{"a": 1': "JSON",
    b"[" * 100_000: "nested too deeply",
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000: "nested too deeply", b'{"a": "\xff"}': "UTF-8",
    b'{"a": 1, "b": 2, "a": 3}': "“a” appears twice", b'{"x": [{"a": 1, "a": 1}]}': "“a” appears twice",
    b'{"a": ' + b"9" * 5000 + b"}": "JSON",
}  # fmt: skip


@pytest.mark.parametrize("body", NOT_READ, ids=lambda body: ascii(body)[:30])
def test_a_body_that_is_no_json_or_leaves_a_doubt_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=NOT_READ[body]):
        capture.find("JSONPATH", "$.a", body)


@pytest.mark.parametrize(
    "body", [b'{"a": "\\ud800"}', b'{"a": ["x", {"\\udfff": 1}]}', b'{"a": 1e9999999999999999999}']
)
def test_a_value_that_cannot_be_kept_is_no_value(body: bytes) -> None:
    with pytest.raises(PathError):
        capture.find("JSONPATH", "$.a", body)


def test_a_deep_response_is_searched_or_refused_in_words_never_halfway() -> None:
    body = b'{"a":' * 90 + b"1" + b"}" * 90
    assert capture.find("JSONPATH", "$..a", body)[-1] == 1
    body = b'{"a":' * 400 + b"1" + b"}" * 400
    with pytest.raises(PathError, match="recursion"):
        capture.find("JSONPATH", "$..a", body)


SIMPLE = ["$.a.b[0]", "$..id", "$['a'].*", "$[-1]", "$.a[1:3].b", "$"]
NOT_SIMPLE = ["$[?@.a]", "$..a..b", "$[0,1]", "$..[*,*]", "$.a.`len`"]


def test_paths_that_could_take_long_are_followed_apart() -> None:
    assert [path for path in SIMPLE if not is_simple(path)] == []
    assert [path for path in NOT_SIMPLE if is_simple(path)] == []


ATOMS = [
    "$", "@", ".", "..", "*", "[", "]", "(", ")", "?", "!", ",", ":", "&&", "||", "==", "!=", "<", "<=", ">", ">=", "a",
    "b1", "_", "ž",
    "0", "1", "-1", "-0", "01", "1.5", "1e2", "-", "true", "null", "'a'", '"b"', "'\\n'", "'\\'", " ", "\n", "count(",
    "length(", "value(",
    "match(", "search(", "@.a", "@[0]", "$.a", "[0]", "['a']", "[?@.a==1]", "[1:2]", "..*", "nope(", "+", "/", "`len`",
    "\\", "=~",
]  # fmt: skip
PIECES = [
    "@.a", "$.b", "@", "@[0]", "@.*", "@..a", "@['a','b']", "1", "-1.5e2", "'x'", '"y"', "true", "null", "length(@.a)",
    "count(@.*)",
    "value($..a)", "match(@.a,'x')", "search(@, \"y\")", "match(@.*,'x')", "length(1)", "count(1)", "(@.a)", "(1)",
    "!@.a", "!(@.a==1)", "!1",
]  # fmt: skip
expressions = st.recursive(
    st.sampled_from(PIECES),
    lambda inner: st.one_of(
        st.builds("{}{}{}".format, inner, st.sampled_from(["==", "!=", "<", ">=", " == "]), inner),
        st.builds("{}{}{}".format, inner, st.sampled_from(["&&", " || "]), inner),
        st.builds("({})".format, inner),
        st.builds("!{}".format, inner),
    ),
    max_leaves=4,
)
paths = st.one_of(
    st.lists(st.sampled_from(ATOMS), max_size=8).map(lambda parts: "$" + "".join(parts)),
    st.lists(st.sampled_from(ATOMS), max_size=6).map(lambda parts: "$[?" + "".join(parts) + "]"),
    expressions.map("$[?{}]".format),
    st.builds(
        "$[{}]".format,
        st.lists(st.sampled_from(["0", "-1", ":", "1:", "::2", "*", "'a'", "?@", " ", "01"]), max_size=4).map(",".join),
    ),
)


@settings(max_examples=600, deadline=None)
@given(paths)
def test_a_path_is_taken_as_the_rfc_s_when_its_grammar_says_so_and_only_then(path: str) -> None:
    try:
        taken = capture.dialect("JSONPATH", path) == RFC
    except PathError:
        taken = False
    assert taken == is_path(path)

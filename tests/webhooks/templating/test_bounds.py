"""Whatever a template asks for, it comes to an end, soon and in little memory (specification section 6).

The templates run in a process of their own, whose memory is limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.template_server import TemplateServer
from tests.support.working import working
from webhookui.webhooks.templating.budget import MAX_SIZE, MAX_TIME_S
from webhookui.webhooks.templating.filters import FILTERS
from webhookui.webhooks.templating.sandbox import DATE_METHODS, LIST_METHODS, TEXT_METHODS

MOST_TIME_S = MAX_TIME_S + 1.5
"""Of all together: the time to compile comes on top."""
MOST_MB = 4 * MAX_SIZE / 2**20
"""A character takes at most four bytes."""


@pytest.fixture(scope="module")
def server() -> Iterator[TemplateServer]:
    started = TemplateServer()
    yield started
    started.close()


def doubled(kind: str, times: int, end: str) -> str:
    start, step = kind.split("→")
    return f"{{% set a={start} %}}" + f"{{% set a={step} %}}" * times + end


BOMBS = {
    "lists of lists": doubled("[1,2,3]→[a,a,a,a,a,a,a,a,a]", 12, "{{ a }}"),
    "tuples": doubled("(1,2)→(a,a)", 60, "{{ a == a }}"),
    "objects": doubled("{'a':1}→{'a':a,'b':a}", 60, "{{ a|tojson }}"),
    "added lists": doubled("['x']→a+a", 60, "{{ a|length }}"),
    "added texts": doubled("'x'→a+a", 60, "{{ a }}"),
    "joined texts": doubled("'x'→a~a", 60, "{{ a }}"),
    "replaced": doubled("'x'→a|replace('x','xxxx')", 60, "{{ a }}"),
    "escaped": doubled("'&'→a~a", 19, "{{ a|e|e|e }}"),
    "encoded": doubled("'\U0001f600'→a~a", 19, "{{ a|urlencode }}"),
    "many lists": doubled("'ab '→a~a", 17, "".join(f"{{% set l{at}=a.split() %}}" for at in range(99))),
    "upper, again and again": "{% for a in text %}{% set b = text|upper %}{% endfor %}",
    "rounds of rounds": "{% for a in text %}" * 5 + "x" + "{% endfor %}" * 5,
    "rounds that write": "{% for a in text %}{{ text }}{% endfor %}",
    "batches": "{{ text|batch(1)|batch(1)|batch(1)|tojson }}",
    "mapped": "{{ text|map('replace','x',text)|list }}",
    "tags": doubled("'<>'→a~a", 19, "{{ a|striptags }}"),
    "half tags": doubled("'<'→a~a", 19, "{{ a|striptags }}"),
    "strip a long one": doubled("'a'→a~a", 19, "{{ a.strip(a ~ 'b') }}"),
    "find a long one": doubled("'a'→a~a", 19, "{{ a.rfind('b' ~ a[:200000]) }}"),
    "zeros in a format": "{{ '%" + "0" * 15_000 + "' | format(1) }}",
    "powers": "{{ 10**10**8 }}",
    "digits": "{{ '" + "9" * 15_000 + "'|int }}{{ " + "9" * 4_000 + "|string }}",
    "padding": "{{ 'x'|center(10**9) }}",
    "a wide date": "{{ at.strftime('%999999999d') }}",
    "constants are not computed while it is read": "{{ 'x'|center(1000)|batch(1000, 'x'|center(1000))|list|tojson }}" * 40,
    "loops in loops": "{% for a in text %}" * 30 + "{% endfor %}" * 30,
    "brackets": "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    "signs": "{{ " + "-" * 15_000 + "1 }}",
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_nothing_fills_the_memory_or_holds_the_process(server: TemplateServer, bomb: str) -> None:
    outcome = server.ask(BOMBS[bomb])
    assert outcome["said"] != ["died"]
    assert (outcome["time_s"] < MOST_TIME_S, outcome["risen_mb"] < MOST_MB) == (True, True), outcome


def test_all_templates_of_one_save_are_bounded_together(server: TemplateServer) -> None:
    outcome = server.ask(*[BOMBS["rounds of rounds"]] * 12, "{{ name|upper }}")
    assert outcome["time_s"] < MOST_TIME_S
    assert outcome["said"][-1] != "it takes too long.", "what comes last has its share"
    assert outcome["said"][-4] == "ZOË O'NEIL, ACME"


def test_one_greedy_webhook_leaves_time_for_the_others_of_the_save(tmp_path: Path) -> None:
    loops = "{% for a in description %}" * 4 + "{% endfor %}" * 4
    greedy, honest = (
        {"url": "http://127.0.0.1:9/", "parameters": [{"name": "a", "value": value}]}
        for value in (loops, "{{ last_name }}")
    )
    with working(tmp_path) as crm:
        for _ in range(3):
            crm.workflow("contacts", greedy, honest, greedy)
        crm.create("contacts", last_name="A", description="x" * 5000)
        deliveries = crm.deliveries()
        assert [delivery.status for delivery in deliveries] == ["failed", "queued", "failed"] * 3
        assert {delivery.error for delivery in deliveries if delivery.error} == {
            "Parameter a: The placeholder can't be filled in: it takes too long."
        }
        took = deliveries[-1].created_at - deliveries[0].created_at
        assert took.total_seconds() < 30, "on a machine that does much else"


atoms = st.sampled_from(
    ["name", "text", "amount", "employees", "on", "close_date", "at", "interests", "none", "owner", "owner.name", "a", "b", "'x'",
     "7", "0", "-3", "1.5", "none", "true", "[1, 2]", "{'k': 1}", "(1,)", "''", "10**9", "'%s %d'", "'%Y'", "' '"]
)  # fmt: skip
binary = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", ">=", "in", "not in", "and", "or"])


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=3).map(", ".join)
    methods = st.sampled_from(sorted(TEXT_METHODS | DATE_METHODS | LIST_METHODS))
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda drawn: f"({drawn[0]} {drawn[1]} {drawn[2]})"),
        st.tuples(inner, st.sampled_from(sorted(FILTERS)), arguments).map(
            lambda drawn: f"({drawn[0]})|{drawn[1]}({drawn[2]})"
        ),
        st.tuples(inner, st.sampled_from(["map", "select"]), st.sampled_from(sorted(FILTERS)), arguments).map(
            lambda drawn: f"({drawn[0]})|{drawn[1]}('{drawn[2]}', {drawn[3]})"
        ),
        st.tuples(inner, methods, arguments).map(lambda drawn: f"({drawn[0]}).{drawn[1]}({drawn[2]})"),
        st.tuples(inner, inner, inner).map(lambda drawn: f"({drawn[0]})[{drawn[1]}:{drawn[2]}]"),
        st.tuples(inner, inner).map(lambda drawn: f"({drawn[0]})[{drawn[1]}]"),
        st.tuples(inner, inner, inner).map(lambda drawn: f"({drawn[0]} if {drawn[1]} else {drawn[2]})"),
        st.tuples(inner, st.sampled_from([1, 3, 9])).map(lambda drawn: f"[{', '.join([drawn[0]] * drawn[1])}]"),
        st.tuples(inner, inner).map(lambda drawn: f"{{{drawn[0]}: {drawn[1]}, 'b': {drawn[0]}}}"),
    )


expressions = st.recursive(atoms, calls, max_leaves=8)
pieces = st.one_of(
    expressions.map(lambda drawn: f"{{{{ {drawn} }}}}"),
    expressions.map(lambda drawn: f"{{% set a = {drawn} %}}"),
    expressions.map(lambda drawn: f"{{% for b in {drawn} %}}{{{{ b }}}}{{% endfor %}}"),
    st.sampled_from(["[a, a, a]", "a ~ a", "a + a", "{'k': a, 'm': a}"]).map(lambda drawn: f"{{% set a = {drawn} %}}" * 20),
    st.sampled_from(["{% set a = text %}", "{% set a = text|list %}", "{% set a = interests %}"]),
)  # fmt: skip
templates = st.lists(pieces, min_size=1, max_size=5).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=templates)
def test_no_template_at_all_fills_the_memory_or_holds_the_process(server: TemplateServer, source: str) -> None:
    outcome = server.ask("{% set a = 1 %}{% set b = 2 %}" + source, source)
    assert outcome["said"] != ["died"]
    assert outcome["time_s"] < MOST_TIME_S
    assert outcome["risen_mb"] < MOST_MB

"""RFC 9535 by the jsonpath-rfc9535 package, with what it gets wrong put right.

The package is right on the published compliance suite, which leaves gaps. Known of its version 1.0.1, and fixed here:
- `@` is a value, not a list of one node, where the current value is neither list nor object: `?@` misses 0, false and "",
  and `count(@)` counts letters.
- `$` in a filter within a filter is what the outer filter looks at, not the whole response.
- `[true] == [1]`, as Python has it, and numbers are compared, and written in a path, as floats.
- `!1`, `1<2<3`, `!@.a==1`, `!!@.a`, `(@.a)==1`, `-01` and their like are taken.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathNodeList, JSONPathSyntaxError
from jsonpath_rfc9535.filter_expressions import (
    NOTHING,
    ComparisonExpression,
    Expression,
    FilterContext,
    FilterExpressionLiteral,
    FilterQuery,
    FloatLiteral,
    FunctionExtension,
    IntegerLiteral,
    LogicalExpression,
    PrefixExpression,
    RelativeFilterQuery,
)
from jsonpath_rfc9535.function_extensions import ExpressionType
from jsonpath_rfc9535.node import JSONPathNode
from jsonpath_rfc9535.parse import Parser
from jsonpath_rfc9535.selectors import FilterSelector
from jsonpath_rfc9535.tokens import TokenStream

from webhookui.webhooks.values import is_number

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Exact(float):
    """A number with its digits: compared as the number that they say."""

    digits: str
    __slots__ = ("digits",)

    def __new__(cls, digits: str) -> Exact:
        number = super().__new__(cls, digits)
        number.digits = digits
        return number


def exact(number: Any) -> Decimal:
    """What the digits of a number say. Raises ArithmeticError for an exponent beyond all reason."""
    if isinstance(number, Exact):
        return Decimal(number.digits)
    return Decimal(repr(number) if isinstance(number, float) else number)


def with_decimals(value: Any) -> Any:
    """The value with a Decimal in the place of each number that has a fraction or an exponent."""
    if isinstance(value, Exact):
        return Decimal(value.digits)
    if isinstance(value, dict):
        return {key: with_decimals(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_decimals(inner) for inner in value]
    return value


def equal(left: Any, right: Any) -> bool:
    """Equality of RFC 9535 section 2.3.5.2.2. Nothing is NOTHING here."""
    if is_number(left) and is_number(right):
        return exact(left) == exact(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return type(left) is type(right) and bool(left == right)


def less(left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return exact(left) < exact(right)
    return isinstance(left, str) and isinstance(right, str) and left < right


COMPARISONS = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": less,
    ">": lambda left, right: less(right, left),
    "<=": lambda left, right: less(left, right) or equal(left, right),
    ">=": lambda left, right: less(right, left) or equal(left, right),
}


class _Comparison(ComparisonExpression):
    __slots__ = ()

    def evaluate(self, context: FilterContext) -> bool:
        left, right = (_value(side.evaluate(context)) for side in (self.left, self.right))
        return COMPARISONS[self.operator](left, right)


def _value(result: Any) -> Any:
    """The value of a singular query's nodes; NOTHING when there is none."""
    if isinstance(result, JSONPathNodeList):
        return result[0].value if result else NOTHING
    return result


class _Relative(RelativeFilterQuery):
    __slots__ = ()

    def evaluate(self, context: FilterContext) -> JSONPathNodeList:
        nodes: Any = [JSONPathNode(value=context.current, location=(), parent=None, root=context.root)]
        for segment in self.query.segments:
            nodes = segment.resolve(nodes)
        return JSONPathNodeList(nodes)


class _Group(Expression):
    """What stands in parentheses."""

    __slots__ = ("inner",)

    def __init__(self, token: Any, inner: Expression) -> None:
        super().__init__(token)
        self.inner = inner

    def evaluate(self, context: FilterContext) -> Any:
        return self.inner.evaluate(context)


class _Parser(Parser):
    def parse_relative_query(self, stream: TokenStream) -> Expression:
        parsed: Any = super().parse_relative_query(stream)
        return _Relative(parsed.token, parsed.query)

    def parse_integer_literal(self, stream: TokenStream) -> Expression:
        digits = _number(stream)
        value: Any = int(digits) if re.fullmatch(r"-?\d+", digits) else Exact(digits)
        return IntegerLiteral(stream.current, value)

    def parse_float_literal(self, stream: TokenStream) -> Expression:
        return FloatLiteral(stream.current, Exact(_number(stream)))

    def parse_grouped_expression(self, stream: TokenStream) -> Expression:
        token = stream.current
        return _Group(token, self._logical(super().parse_grouped_expression(stream)))

    def parse_prefix_expression(self, stream: TokenStream) -> Expression:
        parsed: Any = super().parse_prefix_expression(stream)
        if isinstance(parsed.right, PrefixExpression | ComparisonExpression | LogicalExpression):
            raise JSONPathSyntaxError("what ! negates must be in parentheses", token=parsed.token)
        self._logical(parsed.right)
        return parsed

    def parse_infix_expression(self, stream: TokenStream, left: Expression) -> Expression:
        parsed: Any = super().parse_infix_expression(stream, left)
        if isinstance(parsed, ComparisonExpression):
            for side in (parsed.left, parsed.right):
                if not isinstance(side, FilterExpressionLiteral | FilterQuery | FunctionExtension):
                    raise JSONPathSyntaxError("only single values can be compared", token=side.token)
            return _Comparison(parsed.token, parsed.left, parsed.operator, parsed.right)
        self._logical(parsed.left)
        self._logical(parsed.right)
        return parsed

    def parse_filter_selector(self, stream: TokenStream) -> FilterSelector:
        parsed = super().parse_filter_selector(stream)
        self._logical(parsed.expression.expression)
        return parsed

    def _logical(self, expression: Expression) -> Expression:
        """The expression, when it is true or false by itself."""
        value = isinstance(expression, FunctionExtension) and (
            self.env.function_extensions[expression.name].return_type == ExpressionType.VALUE
        )
        if value or isinstance(expression, FilterExpressionLiteral):
            raise JSONPathSyntaxError("a value must be compared with something", token=expression.token)
        return expression


def _number(stream: TokenStream) -> str:
    digits: str = stream.current.value
    if not NUMBER.fullmatch(digits):
        raise JSONPathSyntaxError("invalid number", token=stream.current)
    return digits


class _Environment(JSONPathEnvironment):
    parser_class = _Parser


compile_query = _Environment().compile
"""Raises JSONPathError and RecursionError."""

"""The grammar of RFC 9535 (appendix A) and its rules of well-typedness (section 2.4.3), as a reader that says yes or no."""

from __future__ import annotations

import re

BLANK = r"[ \t\n\r]*"
INTEGER = r"(?:0|-?[1-9][0-9]*)"
NUMBER = r"(?:(?:0|-?[1-9][0-9]*|-0)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
FIRST = "A-Z_a-z\u0080-\ud7ff\ue000-\U0010ffff"
ESCAPED = (
    r"(?:[bfnrt/\\]|u(?:(?:[0-9A-CEFa-cef][0-9A-Fa-f]{3}|[Dd][0-7][0-9A-Fa-f]{2})"
    r"|[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}))"
)
TEXT = (
    rf"(?:\"(?:[^\"\\\x00-\x1f]|\\\"|\\{ESCAPED})*\"|'(?:[^'\\\x00-\x1f]|\\'|\\{ESCAPED})*')"
)  # fmt: skip
LARGEST = 2**53 - 1

FUNCTIONS = {"length": ("value", ["value"]), "count": ("value", ["nodes"]), "value": ("value", ["nodes"]),
             "match": ("logical", ["value", "value"]), "search": ("logical", ["value", "value"])}  # fmt: skip


class No(Exception):
    pass


class _Reader:
    def __init__(self, path: str) -> None:
        self.path, self.at = path, 0

    def take(self, pattern: str) -> str | None:
        match = re.compile(pattern).match(self.path, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def need(self, pattern: str) -> str:
        token = self.take(pattern)
        if token is None:
            raise No
        return token

    def segments(self) -> bool:
        """Whether they select one value at the most."""
        singular = True
        while True:
            before = self.at
            self.take(BLANK)
            if self.take(r"\.\."):
                singular = False
                if not self.take(rf"\*|[{FIRST}][{FIRST}0-9]*"):
                    self.need(r"\[")
                    self.selectors()
            elif self.take(r"\."):
                if self.need(rf"\*|[{FIRST}][{FIRST}0-9]*") == "*":
                    singular = False
            elif self.take(r"\["):
                singular &= self.selectors()
            else:
                self.at = before
                return singular

    def selectors(self) -> bool:
        count, singular = 0, True
        while True:
            self.take(BLANK)
            singular &= self.selector()
            count += 1
            self.take(BLANK)
            if self.take(r"\]"):
                return singular and count == 1
            self.need(",")

    def selector(self) -> bool:
        if self.take(r"\?"):
            self.take(BLANK)
            self.logical_or()
            return False
        if self.take(r"\*"):
            return False
        if self.take(TEXT):
            return True
        start = self.integer()
        before = self.at
        self.take(BLANK)
        if not self.take(":"):
            self.at = before
            if not start:
                raise No
            return True
        self.take(BLANK)
        self.integer()
        self.take(BLANK)
        if self.take(":"):
            self.take(BLANK)
            self.integer()
        return False

    def integer(self) -> bool:
        digits = self.take(INTEGER)
        if digits and abs(int(digits)) > LARGEST:
            raise No
        return digits is not None

    def logical_or(self) -> None:
        self.logical_and()
        while self.after_blank(r"\|\|"):
            self.take(BLANK)
            self.logical_and()

    def logical_and(self) -> None:
        self.basic()
        while self.after_blank("&&"):
            self.take(BLANK)
            self.basic()

    def after_blank(self, pattern: str) -> bool:
        before = self.at
        self.take(BLANK)
        if self.take(pattern):
            return True
        self.at = before
        return False

    def basic(self) -> None:
        denied = self.take(r"!")
        if denied:
            self.take(BLANK)
        if self.take(r"\("):
            self.take(BLANK)
            self.logical_or()
            self.take(BLANK)
            self.need(r"\)")
            return
        kind = self.operand()
        before = self.at
        self.take(BLANK)
        if not denied and kind in ("literal", "single", "value") and self.take("==|!=|<=|>=|<|>"):
            self.take(BLANK)
            if self.operand() not in ("literal", "single", "value"):
                raise No
            return
        self.at = before
        if kind in ("literal", "value"):
            raise No

    def operand(self) -> str:
        """literal; single or several (a query); value or logical (what a function gives)"""
        if self.take(rf"{TEXT}|{NUMBER}|true|false|null"):
            return "literal"
        if self.take(r"[@$]"):
            return "single" if self.segments() else "several"
        name = self.need(r"[a-z][a-z_0-9]*(?=\()")
        if name not in FUNCTIONS:
            raise No
        gives, expected = FUNCTIONS[name]
        self.need(r"\(")
        for position, kind in enumerate(expected):
            if position:
                self.take(BLANK)
                self.need(",")
            self.take(BLANK)
            got = self.operand()
            if got not in {"value": ("literal", "single", "value"), "nodes": ("single", "several")}[kind]:
                raise No
        self.take(BLANK)
        self.need(r"\)")
        return gives


def is_path(path: str) -> bool:
    reader = _Reader(path)
    try:
        reader.need(r"\$")
        reader.segments()
    except No:
        return False
    return reader.at == len(path)

"""A pasted command as its words, the way a shell would split it: bash, and the Windows command prompt with its carets.

What people paste is read kindly where a shell would not mean it: line ends without a backslash, prompts, typographic
quotes, and a bare `&` or `<name>` inside a URL are taken as they look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


class ShellProblem(Exception):
    """Text that is no command; the sentence is for people."""


@dataclass
class Words:
    """`variables`: shell variables and substitutions that stand in the words as they are written ("$TOKEN")."""

    words: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)


def split(text: str) -> Words:
    """The words of the first command of a text. Raises ShellProblem."""
    text = re.sub(r"^\s*(?:[$%#>]|PS [^\n>]*>)\s+", "", text.replace("\r\n", "\n"))
    if re.search(r'\^[ \t]*\n|\^"', text):
        return Words(_windows(text))
    return _Shell(text).read()


# ---- bash -------------------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r"\$(\w+|\{\w+\}|\([^)]*\))|`[^`\n]+`")
_PLACEHOLDER = re.compile(r"<[\w .:-]+>")
_ENDS = re.compile(r"[|;<]|\d*>|&&|&(?=\s|$)")
_TYPOGRAPHIC = {"“": "“”", "”": "“”", "‘": "‘’", "’": "‘’"}
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_ANSI_CODE = re.compile(r"u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})")


class _Shell:
    """Reads a text from left to right; `at` is where it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Words()
        self.word: str | None = None

    def read(self) -> Words:
        while self.at < len(self.text) and not self._is_end():
            self._step()
        self._end_word()
        return self.found

    def _is_end(self) -> bool:
        if self.word and _PLACEHOLDER.match(self.text, self.at):
            return False
        return _ENDS.match(self.text, self.at) is not None and not (self.word and self._here().isdigit())

    def _here(self) -> str:
        return self.text[self.at]

    def _step(self) -> None:
        char = self._here()
        if char.isspace():
            self._end_word()
            self.at += 1
        elif char == "#" and self.word is None:
            self.at = (self.text + "\n").index("\n", self.at)
        elif continued := re.compile(r"[\\`][ \t]*\n").match(self.text, self.at):
            self.at = continued.end()
        elif char == "\\":
            self._add(self.text[self.at + 1 : self.at + 2])
            self.at += 2
        elif self.text.startswith("$'", self.at):
            self._ansi()
        elif char == "'":
            self._plain("'")
        elif char == '"' or self.text.startswith('$"', self.at):
            self._double()
        elif char in _TYPOGRAPHIC:
            self._plain(_TYPOGRAPHIC[char])
        elif placeholder := _PLACEHOLDER.match(self.text, self.at):
            self._add(placeholder[0])
            self.at = placeholder.end()
        else:
            self._note_variable()
            self._add(char)
            self.at += 1

    def _add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def _end_word(self) -> None:
        if self.word is not None:
            self.found.words.append(self.word)
        self.word = None

    def _note_variable(self) -> None:
        variable = _VARIABLE.match(self.text, self.at)
        if variable and variable[0] not in self.found.variables:
            self.found.variables.append(variable[0])

    def _plain(self, closing: str) -> None:
        """Up to the next of the closing quotes, nothing in it being special."""
        start = self.at + 1
        end = next((place for place in range(start, len(self.text)) if self.text[place] in closing), None)
        if end is None:
            raise ShellProblem(f"A quote {self._here()} is never closed.")
        self._add(self.text[start:end])
        self.at = end + 1

    def _double(self) -> None:
        self._add("")
        self.at += 2 if self._here() == "$" else 1
        while self.at < len(self.text):
            char, following = self._here(), self.text[self.at + 1 : self.at + 2]
            if char == '"':
                self.at += 1
                return
            if char == "\\" and following and following in '$`"\\\n':
                self._add("" if following == "\n" else following)
                self.at += 2
                continue
            self._note_variable()
            self._add(char)
            self.at += 1
        raise ShellProblem('A quote " is never closed.')

    def _ansi(self) -> None:
        """`$'…'`, as browsers write it: escapes for bytes, and for characters by their code."""
        found = bytearray()
        self.at += 2
        while self.at < len(self.text):
            char = self._here()
            self.at += 1
            if char == "'":
                self._add(_decoded(bytes(found)))
                return
            if char == "\\" and (code := _ANSI_CODE.match(self.text, self.at)):
                self.at = code.end()
                found += _coded(code)
                continue
            if char == "\\" and self.at < len(self.text):
                char = _ANSI.get(self._here(), self._here())
                self.at += 1
            found += char.encode("utf-8", "surrogatepass")
        raise ShellProblem("A quote $' is never closed.")


def _coded(code: re.Match[str]) -> bytes:
    if code[3] or code[4]:
        return bytes([int(code[3], 16) if code[3] else int(code[4], 8) & 0xFF])
    number = int(code[1] or code[2], 16)
    return chr(number if number < 0x110000 else 0xFFFD).encode("utf-8", "surrogatepass")


def _decoded(found: bytes) -> str:
    """Halves of a character outside the basic plane, which JavaScript writes one by one, come together."""
    text = found.decode("utf-8", "surrogatepass") if _is_text(found) else found.decode("latin-1")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_text(found: bytes) -> bool:
    try:
        found.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


# ---- the Windows command prompt ---------------------------------------------------------------------------------------


def _windows(text: str) -> list[str]:
    """Carets first, as cmd.exe reads them, then quotes and backslashes, as programs read their command line."""
    text = re.sub(r"\^[ \t]*\n[ \t]*\n", "\n", text)  # a line end within a value, as browsers write it
    text = re.sub(r"\^[ \t]*\n", " ", text)
    if '^"' in text:  # then no quote is one of cmd.exe's own, and a caret stands before every character that is special
        text = re.sub(r"\^(.)", r"\1", text)
    words: list[str] = []
    word: str | None = None
    quoted, at = False, 0
    while at <= len(text):
        backslashes = len(text) - at - len(text[at:].lstrip("\\"))
        char = text[at + backslashes : at + backslashes + 1]
        at += backslashes + 1
        if char == '"':
            word = (word or "") + "\\" * (backslashes // 2)
            if backslashes % 2 or (quoted and text[at : at + 1] == '"'):
                word += '"'
                at += 1 - backslashes % 2
            else:
                quoted = not quoted
            continue
        word = (word or "") + "\\" * backslashes if backslashes else word
        if char and (quoted or not char.isspace()):
            word = (word or "") + char
        elif word is not None:
            words.append(word)
            word = None
    if quoted:
        raise ShellProblem('A quote " is never closed.')
    return words

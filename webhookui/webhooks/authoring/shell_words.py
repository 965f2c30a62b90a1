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
    """`variables`: shell variables and substitutions that stand in the words as they are written ("$TOKEN"). A byte that is no
    UTF-8 stands in a word as Python's surrogateescape has it. `rest`: what follows the command."""

    words: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    rest: str = ""


_BEFORE = re.compile(r"\s*(?:(?:#(?!\s*(?:sudo\s+)?curl\b)|//|::|rem\s)[^\n]*(?:\n|$)|#!)", re.IGNORECASE)
"""A comment in front of the command. (`# curl` is the prompt of an administrator.)"""
_PROMPT = re.compile(r"\s*(?:(?:[\w.-]+@[^\s$#]*)?[$%#>]\s+|PS [^\n>]*>\s*|[A-Za-z]:\\[^\n>]*>\s*)")


def split(text: str) -> Words:
    """The words of the first command of a text. Raises ShellProblem."""
    text = text.replace("\r\n", "\n")
    while comment := _BEFORE.match(text):
        text = text[comment.end() :]
    prompt = _PROMPT.match(text)
    text = text[prompt.end() :] if prompt else text
    if re.search(r'\^[ \t]*\n|\^"', text):
        return Words(_windows(text), list(dict.fromkeys(re.findall(r"%(?![0-9A-Fa-f]{2}%)[A-Za-z_]\w*%", text))))
    return _Shell(text).read()


# ---- bash -------------------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r"\$(\w+|\{[^}\n]+\}|\([^)]*\)|[?$!#@*-])|`[^`\n]+`")
_PLACEHOLDER = re.compile(r"<[\w .:-]+>")
_ENDS = re.compile(r"[|;]|&&|&(?=\s|$)")
_CONTINUED = re.compile(r"[\\`][ \t]*(?:\n(?:>[ \t])?|$)")
"""A line end behind a backslash or PowerShell's backtick, with the prompt of the next line that a terminal shows."""
_REDIRECTION = re.compile(r"(?:\d*|&)(?:>>|>\||>&|<&|>|<<<|<)[ \t]*")
_HERE_DOCUMENT = re.compile(r"<<-?[ \t]*['\"]?\w")
_BRACES = re.compile(r"\{[^\s{}'\"]*(?:,|\.\.)[^\s{}'\"]*\}")
_TYPOGRAPHIC = {"“": "“”", "”": "“”", "‘": "‘’", "’": "‘’"}
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_ANSI_CODE = re.compile(r"u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})")


class _Shell:
    """Reads a text from left to right; `at` is where it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.parsed = Words()
        self.word: str | None = None

    def read(self) -> Words:
        while self.at < len(self.text) and not self._is_end():
            self._step()
        self._end_word()
        self.parsed.rest = self.text[self.at :]
        return self.parsed

    def _is_end(self) -> bool:
        return _ENDS.match(self.text, self.at) is not None and not self.text.startswith("&>", self.at)

    def _char(self) -> str:
        return self.text[self.at]

    def _step(self) -> None:
        char = self._char()
        if char.isspace():
            self._end_word()
            self.at += 1
        elif char == "#" and self.word is None:
            self.at = (self.text + "\n").index("\n", self.at)
        elif continued := _CONTINUED.match(self.text, self.at):
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
        elif redirection := self._redirection():
            self._redirect(redirection.end())
        elif braces := _BRACES.match(self.text, self.at):
            raise ShellProblem(f"A shell would split {braces[0][:40]} into several words; is it not quoted?")
        else:
            self._bare(char)

    def _bare(self, char: str) -> None:
        """A character, or a substitution as a whole: a blank in it does not end the word."""
        variable = _VARIABLE.match(self.text, self.at)
        self._note_variable()
        self._add(variable[0] if variable else char)
        self.at += len(variable[0]) if variable else 1

    def _redirection(self) -> re.Match[str] | None:
        if _HERE_DOCUMENT.match(self.text, self.at):
            raise ShellProblem("The text after << comes from standard input; paste it as the value of -d.")
        match = _REDIRECTION.match(self.text, self.at)
        return match if match and (self.word is None or match[0][0] in "<>&") else None

    def _redirect(self, at: int) -> None:
        """Takes the file's name away; what follows belongs to the command again."""
        self._end_word()
        self.at = at
        while self.at < len(self.text) and not self._char().isspace() and not self._is_end():
            self._step()
        self.word = None

    def _add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def _end_word(self) -> None:
        if self.word is not None:
            self.parsed.words.append(self.word)
        self.word = None

    def _note_variable(self) -> None:
        variable = _VARIABLE.match(self.text, self.at)
        if variable and variable[0] not in self.parsed.variables:
            self.parsed.variables.append(variable[0])

    def _plain(self, closing: str) -> None:
        """Up to the next of the closing quotes, nothing in it being special."""
        start = self.at + 1
        end = next((place for place in range(start, len(self.text)) if self.text[place] in closing), None)
        if end is None:
            raise ShellProblem(f"A quote {self._char()} is never closed.")
        self._add(self.text[start:end])
        self.at = end + 1

    def _double(self) -> None:
        self._add("")
        self.at += 2 if self._char() == "$" else 1
        while self.at < len(self.text):
            char, following = self._char(), self.text[self.at + 1 : self.at + 2]
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
        decoded = bytearray()
        self.at += 2
        while self.at < len(self.text):
            char = self._char()
            self.at += 1
            if char == "'":
                self._add(_decoded(bytes(decoded)))
                return
            if char == "\\" and (code := _ANSI_CODE.match(self.text, self.at)):
                self.at = code.end()
                decoded += _coded(code)
                continue
            if char == "\\" and self.at < len(self.text):
                char = _ANSI.get(self._char(), self._char())
                self.at += 1
            decoded += char.encode("utf-8", "surrogatepass")
        raise ShellProblem("A quote $' is never closed.")


def _coded(code: re.Match[str]) -> bytes:
    if code[3] or code[4]:
        return bytes([int(code[3], 16) if code[3] else int(code[4], 8) & 0xFF])
    number = int(code[1] or code[2], 16)
    return chr(number if number < 0x110000 else 0xFFFD).encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    """Halves of a character outside the basic plane, which JavaScript writes one by one, come together."""
    if not _is_text(data):
        return data.decode("utf-8", "surrogateescape")
    return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
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

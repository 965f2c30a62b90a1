"""A pasted command as its words, the way a shell would split it: bash, and the Windows command prompt with its carets.

What people paste is read kindly where a shell would not mean it: line ends without a backslash, prompts, typographic
quotes, and a bare `&` or `<name>` inside a URL are taken as they look.
"""

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
_ENDS = re.compile(r"[|;]|&&|&(?=\s|$)")
_TOKEN = re.compile(
    rf"""
    (?P<blank>\s)
    | (?P<comment>\#[^\n]*)
    | (?P<continued>[\\`][ \t]*(?:\n(?:>[ \t])?|$))  # PowerShell's backtick, too; > is the prompt of the next line
    | \\(?P<escaped>.)
    | \$'(?P<ansi>(?:[^\\']|\\.)*+)'
    | '(?P<single>[^']*)'
    | \$?"(?P<double>(?:[^\\"]|\\.)*+)"
    | [“”](?P<typographic>[^“”]*)[“”]
    | [‘’](?P<typographic_single>[^‘’]*)[‘’]
    | (?:\$(?="))?(?P<unclosed>\$'|["'“”‘’])
    | (?P<placeholder><[\w .:-]+>)
    | (?P<here_document><<-?[ \t]*['"]?\w)
    | (?P<redirection>(?:\d*|&)(?:>>|>\||>&|<&|>|<<<|<)[ \t]*)
    | (?P<braces>\{{[^\s{{}}'"]*(?:,|\.\.)[^\s{{}}'"]*\}})
    | (?P<variable>{_VARIABLE.pattern})  # as a whole: a blank in it does not end the word
    | (?P<bare>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REFUSED = {
    "unclosed": "A quote {} is never closed.",
    "here_document": "The text after << comes from standard input; paste it as the value of -d.",
    "braces": "A shell would split {} into several words; is it not quoted?",
}
"""Kind of token → why it can't be read."""


class _Shell:
    """Reads a text from left to right; `at` is where it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.parsed = Words()
        self.word: str | None = None

    def read(self) -> Words:
        while not self._is_end():
            self._step()
        self._end_word()
        self.parsed.rest = self.text[self.at :]
        return self.parsed

    def _is_end(self) -> bool:
        return self.at >= len(self.text) or _ENDS.match(self.text, self.at) is not None

    def _step(self) -> None:
        token = _TOKEN.match(self.text, self.at)
        assert token is not None and token.lastgroup is not None
        kind, text, start = token.lastgroup, token[token.lastgroup], self.at
        self.at = token.end()
        if self.word is not None and (kind == "comment" or (kind == "redirection" and text[0] not in "<>&")):
            kind, text, self.at = "bare", text[0], start + 1  # it is one only where a word begins
        if kind in _REFUSED:
            raise ShellProblem(_REFUSED[kind].format(text[:40]))
        if kind == "blank":
            self._end_word()
        elif kind == "redirection":
            self._redirect()
        elif kind == "ansi":
            self._add(_decoded(_ANSI_CODE.sub(_coded, text.encode("utf-8", "surrogatepass"))))
        elif kind == "double":
            for sign in re.finditer(r"\\.|[$`]", text, re.DOTALL):
                self._note_variable(token.start(kind) + sign.start())
            self._add(re.sub(r"\\(?:([$`\"\\])|\n)", r"\1", text))
        elif kind not in ("comment", "continued"):
            self._note_variable(start)
            self._add(text)

    def _redirect(self) -> None:
        """Takes the file's name away; what follows belongs to the command again."""
        self._end_word()
        while not self._is_end() and not self.text[self.at].isspace():
            self._step()
        self.word = None

    def _add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def _end_word(self) -> None:
        if self.word is not None:
            self.parsed.words.append(self.word)
        self.word = None

    def _note_variable(self, at: int) -> None:
        variable = _VARIABLE.match(self.text, at)
        if variable and variable[0] not in self.parsed.variables:
            self.parsed.variables.append(variable[0])


_ANSI = {
    b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"E": b"\x1b", b"f": b"\f", b"v": b"\v",
}  # fmt: skip
_ANSI_CODE = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
"""In `$'…'`, as browsers write it: escapes for characters by their code, for bytes, and for some by a letter."""


def _coded(code: re.Match[bytes]) -> bytes:
    if code[5]:
        return _ANSI.get(code[5], code[5])
    if code[3] or code[4]:
        return bytes([int(code[3], 16) if code[3] else int(code[4], 8) & 0xFF])
    number = int(code[1] or code[2], 16)
    return chr(number if number < 0x110000 else 0xFFFD).encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    """Halves of a character outside the basic plane, which JavaScript writes one by one, come together."""
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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

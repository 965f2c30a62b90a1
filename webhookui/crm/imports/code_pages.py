"""Which of Windows' code pages a text of single bytes was written in, told by the letters of the languages that use each."""

import re
from collections import Counter
from collections.abc import Iterable

LANGUAGES: dict[str, tuple[str, ...]] = {
    "cp1252": (
        "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçàèòïªº", "ãáâàçéêíõóôúü", "àèéìíòóùú", "åäöæøéü", "áðéíóúýþæö", "ëïéèöüêá",
    ),
    "cp1250": ("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "čćđšž", "ăâîşţ", "äöüß"),
    "cp1251": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "абвгдеєжзиіїйклмнопрстуфхцчшщьюяґ", "абвгдђежзијклљмнњопрстћуфхцчџш"),
    "cp1253": ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",),
    "cp1254": ("çğıöşüâîûi̇",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž"),
    "cp1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",),
    "cp1256": ("ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيپچژگ",),
}  # fmt: skip
"""Code page → the letters beyond ASCII of each language. Of several that fit alike the first is taken."""
OTHER_SCRIPTS = ("cp1251", "cp1253", "cp1255", "cp1256")
"""No word of these has a letter of ASCII."""


def code_page_of(lines: Iterable[bytes]) -> str:
    """A key of LANGUAGES; of what is no language's, the most usual one."""
    words = Counter(word for line in lines for word in re.findall(rb"[A-Za-z\x80-\xff]+", line) if not word.isascii())
    return max(LANGUAGES, key=lambda page: _fit(words, page))


def _fit(words: Counter[bytes], page: str) -> tuple[float, float]:
    """Of the code page's best language: the share of the text's letters that it has, and of its letters that the text has."""
    characters: Counter[str] = Counter()
    foreign = 0
    for word, number in words.items():
        text = word.decode(page, "replace").lower()
        special = [letter for letter in text if letter > "\x7f" and (letter.isalpha() or letter == "\ufffd")]
        if page in OTHER_SCRIPTS and len(special) < len(text.strip("«»„“”‘’–—…·№")):
            foreign += number * len(special)
        else:
            characters.update({letter: number * special.count(letter) for letter in set(special)})
    total = characters.total() + foreign or 1
    languages = map(set, LANGUAGES[page])
    return max(
        (sum(characters[letter] for letter in of) / total, len(of & characters.keys()) / len(of)) for of in languages
    )

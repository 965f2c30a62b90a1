"""Files as other programs write them: what they are is told from their bytes, and every row is read (specification section 2)."""

from __future__ import annotations

import codecs
import io
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.crm.imports.csv_files import (
    CsvReader,
    EncodingDetector,
    FileFormat,
    InvalidFile,
    Pieces,
    csv_lines,
    decoded,
    neutralised,
    restored,
    separator_of,
)

CZECH = "Jméno;Příjmení;Město\nŽofie;Dvořáková;Český Krumlov\nTomáš;Růžička;Ústí nad Labem\n"
POLISH = "Imię;Nazwisko;Miasto\nŁukasz;Wójcik;Łódź\nMałgorzata;Dąbrowska;Wrocław\n"
HUNGARIAN = "Név;Város;Cím\nErzsébet;Győr;Kőszeg utca\nBenő;Őriszentpéter;Fő út\n"
GERMAN = "Vorname;Nachname;Straße\nJürgen;Müller;Königstraße 5 – 10 €\n"
FRENCH = "Prénom;Nom;Ville\nRené;François;Château-Thierry\nHélène;Lefèvre;Besançon\n"
SPANISH = "Nombre;Apellido;Ciudad\nJosé;Muñoz;Málaga\n"
DANISH = "Navn;By;Land\nSøren;Ærøskøbing;Danmark\nÅse;Ålesund;Norge\n"
ITALIAN = "Nome;Città;Note\nNiccolò;Forlì;perché\n"
RUSSIAN = "Имя;Фамилия;Город\nИван;Петров;Москва\n"
GREEK = "Όνομα;Επώνυμο;Πόλη\nΓιώργος;Παπαδόπουλος;Αθήνα\n"
LITHUANIAN = "Vardas;Pavardė;Miestas\nŽydrūnas;Kučinskas;Šiauliai\n"
PLAIN = "Name;City;Amount\nAnn;Rome;5\n"

FILES: dict[str, tuple[bytes, str, str]] = {
    "Excel, CSV UTF-8": (codecs.BOM_UTF8 + GERMAN.replace("\n", "\r\n").encode(), "utf-8", ";"),
    "UTF-8 without a mark": (CZECH.encode(), "utf-8", ";"),
    "plain": (PLAIN.encode(), "utf-8", ";"),
    "Excel, Unicode text": (codecs.BOM_UTF16_LE + CZECH.replace(";", "\t").encode("utf-16-le"), "utf-16-le", "\t"),
    "UTF-16 without a mark": (GERMAN.replace(";", "\t").encode("utf-16-le"), "utf-16-le", "\t"),
    "UTF-16, big-endian": (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "utf-16-be", ";"),
    "UTF-16, big-endian, without a mark": (PLAIN.encode("utf-16-be"), "utf-16-be", ";"),
    **{
        f"{page}: {text.split(';')[0]}": (text.encode(page), page, ";")
        for page, texts in {
            "cp1250": (CZECH, POLISH, HUNGARIAN), "cp1252": (GERMAN, FRENCH, SPANISH, DANISH, ITALIAN), "cp1251": (RUSSIAN,),
            "cp1253": (GREEK,), "cp1257": (LITHUANIAN,),
        }.items()
        for text in texts
    },
    "old Macintosh line ends": (GERMAN.replace("\n", "\r").encode("cp1252"), "cp1252", ";"),
    "CRLF": (FRENCH.replace("\n", "\r\n").encode("cp1252"), "cp1252", ";"),
    "commas in quotes": (b'Name,City\r\n"Lee, Ann",Rome\r\n', "utf-8", ","),
    "vertical bars": (b"Name|City\nAnn; Bo|Rome\n", "utf-8", "|"),
    "a line that names the separator": (b"sep=;\r\nName;City\r\nAnn, Bo, Cy;Rome\r\n", "utf-8", ";"),
    "200 columns": (";".join(f"C{number}" for number in range(200)).encode() + b"\n" + b"1,5;" * 199 + b"1,5\n", "utf-8", ";"),
}  # fmt: skip


def told(data: bytes) -> FileFormat:
    detector = EncodingDetector()
    for start in range(0, len(data), 7):
        detector.feed(data[start : start + 7])
    encoding = detector.encoding()
    return FileFormat(encoding, separator_of(decoded(data, encoding)))


def reader(data: bytes, file_format: FileFormat, size: int = 5) -> CsvReader:
    parts = io.BytesIO(data)
    return CsvReader(Pieces(lambda: parts.read(size)), file_format)


@pytest.mark.parametrize("name", FILES)
def test_encoding_and_separator_are_told_from_the_file(name: str) -> None:
    data, encoding, separator = FILES[name]
    assert told(data) == FileFormat(encoding, separator)
    rows = reader(data, told(data))
    text = data.decode(encoding).lstrip("\ufeff").removeprefix("sep=;\r\n")
    assert rows.header[0] == text.split(separator)[0].strip()
    assert all(len(row.cells) == len(rows.header) and not row.problem for row in rows) and rows.number >= 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_in_quotes_is_part_of_the_cell_and_empty_lines_are_no_rows(end: str) -> None:
    text = end.join(["a,b", '"one', 'two",x', "", '"say ""hi""",'])
    rows = reader(text.encode(), FileFormat())
    assert [row.cells for row in rows] == [[f"one{end}two", "x"], ['say "hi"', ""]]


def test_bytes_that_are_no_text_are_marked_and_do_not_stop_the_others() -> None:
    rows = list(reader(b"a,b\ngood,1\n\x81bad,2\nfine,3\n", FileFormat("cp1252")))
    assert [row.cells[0] for row in rows] == ["good", "\udcffbad", "fine"]


def test_a_quotation_mark_that_is_never_closed_is_a_problem_of_its_row_alone() -> None:
    data = b'a,b\n1,2\n"never closed,' + b"x" * 250_000 + b"\n3,4\n"
    first, second, *_ = reader(data, FileFormat(), 4096)
    assert first.cells == ["1", "2"] and "quotation mark" in second.problem


@pytest.mark.parametrize("data", [b"", b"\n\n", b";;;\n1;2;3;4\n", codecs.BOM_UTF8])
def test_a_file_without_a_header_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(InvalidFile, match="first line"):
        reader(data, FileFormat("utf-8", ";"))


def test_a_header_of_too_many_columns_is_refused() -> None:
    with pytest.raises(InvalidFile, match=r"5,000 columns; at most 1,000"):
        reader(b"a," * 4999 + b"a\n1\n", FileFormat(), 4096)


@pytest.mark.parametrize("data", [b"x" * 4_000_000, b"\xe9" * 4_000_000, b'"' * 4_000_000, b";" * 1_000_000])
def test_what_is_no_csv_file_is_told_so_quickly(data: bytes) -> None:
    began = time.process_time()
    detector = EncodingDetector()
    for start in range(0, len(data), 262_144):
        detector.feed(data[start : start + 262_144])
    encoding = detector.encoding()
    assert separator_of(decoded(data[:262_144], encoding)) and time.process_time() - began < 2


def test_a_large_file_is_read_in_little_memory() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a,b\n"
        for _ in range(400):
            yield b"some text,more text\n" * 2000

    parts = pieces()
    tracemalloc.start()
    rows = CsvReader(Pieces(lambda: next(parts, b"")), FileFormat())
    assert sum(1 for _ in rows) == 800_000
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


TEXTS = st.text(st.one_of(st.sampled_from("=+-@\t\r\n'＝ \"a,;"), st.characters(codec="utf-8")), max_size=12)


@given(TEXTS)
def test_what_was_neutralised_is_no_formula_and_is_taken_back(text: str) -> None:
    cell = neutralised(text)
    assert restored(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), min_size=1, max_size=5), st.booleans())
def test_what_is_written_is_read(rows: list[list[str]], with_bom: bool) -> None:
    data = b"".join(csv_lines([["head", "er"], *rows], with_bom=with_bom))
    assert [row.cells for row in reader(data, FileFormat())] == [row for row in rows if any(row)]

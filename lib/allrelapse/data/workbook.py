"""The cells of a workbook as text, read within bounds."""

import datetime
import difflib
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils import get_column_letter

from allrelapse.data.cells import CHUNK, LIMIT, WIDEST, Record, refusal, refusing, shown
from allrelapse.errors import InputError

LARGEST_WORKBOOK = 300_000_000
"""Bytes of all parts of a workbook, after decompression."""
TAGS = 30_000_000
"""XML tags of one part of a workbook; each takes far more memory than its text."""
SHEET_ROWS = 1_048_576
"""Rows of a sheet; no spreadsheet has more."""
CELLS = 50_000_000
"""Cells of a sheet, with the blank ones between others."""

OLD = b"\xd0\xcf\x11\xe0"
"""Begins the old formats of Excel, and workbooks behind a password."""


def records(path: Path, sheet: str | None, skip: int, comments: str) -> list[Record]:
    """The rows of a sheet as text, the column names first; all as wide as these, or wider."""
    mend = "save it as .xlsx without a password, or as CSV in UTF-8"
    with path.open("rb") as stream, refusing(path, "a workbook", mend), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and the like, which are not read
        _check_workbook(path, stream)
        book = openpyxl.load_workbook(stream, read_only=True, data_only=False, keep_links=False)
        try:
            return _rows(_chosen_sheet(book, sheet, path), path, skip, comments)
        finally:
            book.close()


def _check_workbook(path: Path, stream: BinaryIO) -> None:
    """Refuse what is no workbook, or would not fit into memory, or defines XML entities.

    zipfile gives no more bytes of a part than the archive declares, so what is declared bounds
    what is read.
    """
    if stream.read(len(OLD)) == OLD:
        raise InputError(
            f"{path} is an old Excel file or has a password: save it as .xlsx without one, or "
            "as CSV in UTF-8"
        )
    with zipfile.ZipFile(stream) as archive:
        if sum(part.file_size for part in archive.infolist()) > LARGEST_WORKBOOK:
            raise InputError(
                f"{path} has more than {LARGEST_WORKBOOK:,} bytes when decompressed: save the "
                "sheet as CSV in UTF-8"
            )
        for part in archive.infolist():
            if not part.filename.startswith("xl/media/"):
                _check_part(path, archive, part)
    stream.seek(0)


def _check_part(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a part with a document type, which no workbook has, or with too many tags."""
    tags, last = 0, b""
    with archive.open(part) as stream:
        while chunk := stream.read(CHUNK):
            chunk = chunk.replace(b"\0", b"")  # as UTF-16 writes it
            if b"<!DOCTYPE" in last + chunk:
                raise InputError(
                    f"{path} defines XML entities, as no spreadsheet does: save it again"
                )
            tags, last = tags + chunk.count(b"<"), chunk[-8:]
            if tags > TAGS:
                raise InputError(f"{path} has too many cells: save the sheet as CSV in UTF-8")


def _chosen_sheet(book: Any, name: str | None, path: Path) -> Any:  # noqa: ANN401
    """The worksheet of that name, or the first one."""
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if not sheets:
        raise InputError(f"{path} has no sheet with cells")
    if name is None:
        return next(iter(sheets.values()))
    if name not in sheets:
        near = difflib.get_close_matches(name, sheets, 1)
        hint = f"did you mean {shown(near[0])}?" if near else "it has " + _listed(list(sheets))
        raise InputError(f"{path} has no sheet {shown(name)}; {hint}")
    return sheets[name]


def _listed(names: list[str]) -> str:
    return ", ".join(map(shown, names[:10])) + (" ..." if len(names) > 10 else "")


def _rows(sheet: Any, path: Path, skip: int, comments: str) -> list[Record]:  # noqa: ANN401
    """The rows of a worksheet that are not blank; row numbers are those of the sheet."""
    sheet.reset_dimensions()  # what a sheet says about its size is not always true
    found: list[Record] = []
    faults: list[str] = []
    count = width = 0
    for line, row in enumerate(sheet.iter_rows(max_row=SHEET_ROWS + 1), 1):
        count += max(len(row), width)
        if len(row) > WIDEST or line > SHEET_ROWS or count > CELLS:
            raise InputError(
                f"{path}: sheet {shown(sheet.title)} reaches beyond {WIDEST:,} columns, "
                f"{SHEET_ROWS:,} rows or {CELLS:,} cells: save the table as CSV in UTF-8"
            )
        if line <= skip or not row:
            continue
        texts, wrong = _row_texts(row)
        if comments and not found and texts[0].startswith(comments):
            continue
        while texts and not texts[-1]:
            texts.pop()
        names = found[0][1] if found else texts
        faults += [f"line {line}, column {_name(names, i)}: {fault}" for i, fault in wrong]
        if texts or wrong:
            width = width or len(texts)
            found.append((line, texts + [""] * (width - len(texts))))
        if len(faults) > 50 * LIMIT:
            break
    if faults:
        raise refusal(f"{path}, sheet {shown(sheet.title)}", faults)
    return found


def _name(names: list[str], i: int) -> str:
    """The name of a column, or its letter if it has none."""
    return shown(names[i]) if i < len(names) and names[i].strip() else get_column_letter(i + 1)


def _row_texts(row: Any) -> tuple[list[str], list[tuple[int, str]]]:  # noqa: ANN401
    """The cells of a row as text, and what is wrong with which of them."""
    texts, wrong = [], []
    for i, cell in enumerate(row):
        value = cell.value
        if cell.data_type == "f":
            wrong.append((i, "is a formula; paste its value"))
        elif cell.data_type == "e":
            wrong.append((i, f"{shown(value)} is an error of the spreadsheet; correct it"))
        texts.append(value if isinstance(value, str) else _text(value))
    return texts, wrong


def _text(value: object) -> str:
    """A value of a spreadsheet as one would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value)

"""Tables at the door: checked against a pandera schema, with all faults told at once."""

import ast
import re
import reprlib
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from allrelapse.data.cells import Cells, integer, number, read_cells, refusal, shown, truth

MISSING = frozenset({"", "NA", "NaN", "nan"})
MENDS = {
    "not_nullable": "must not be empty",
    "field_uniqueness": "must not occur twice in the column",
    "multiple_fields_uniqueness": "must not occur together twice",
    "column_in_schema": "not a column of this table: remove it or correct its name",
    "column_in_dataframe": "the column is absent: add it",
    "date": "is a date; for a time, give days since diagnosis, or map it with `since`",
}
NUMBER = "must be a number, with a point for decimals"
DATE = re.compile(
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}([T ].*)?"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})( .*)?"
)
"""What a date looks like, in whichever order its day and month are."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong: the column, the row's label, the value found there, what is allowed."""

    column: object
    row: Any
    value: str
    mend: str

    def told(
        self, place: Callable[[Any], str], names: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """The fault as one line; `place` names its row, `names` their columns by ours."""
        where = [] if self.row is None else [place(self.row)]
        theirs = ", ".join(names.get(name, name) for name in str(self.column).split(", "))
        ours = "" if theirs == str(self.column) else f" (ours: {self.column})"
        where += [] if self.column is None else [f"column {shown(theirs)}{ours}"]
        return f"{', '.join(where)}: {self.value} {self.mend}".replace(":  ", ": ")


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, source: str | Path) -> pd.DataFrame:
    """The frame as the schema has it: each column known, of its type, within its limits.

    Parameters
    ----------
    frame : the table; its index labels the rows in messages
    schema : taken strictly: a column that it does not name is a fault
    source : file or maker of the table, named in the message

    Raises
    ------
    InputError
        Lists every fault with column, row, value and what is allowed (the first 20 of them).
    """
    checked, faults = _checked(frame, schema)
    if faults:
        raise refusal(source, [fault.told(lambda row: f"row {row}") for fault in faults])
    return checked


def read_table(
    path: str | Path, schema: pa.DataFrameSchema, *, delimiter: str | None = None
) -> pd.DataFrame:
    """A CSV or TSV file as the schema has it, read as text and converted strictly.

    Cells that are empty, `NA`, `NaN` or `nan` are missing; blank lines are skipped. A column of
    whole numbers with missing cells needs pandas' `Int64`, one of truth values `boolean`.

    Parameters
    ----------
    path : UTF-8 text, one line of column names and at least one row
    schema : taken strictly; its column names are no regular expressions
    delimiter : by default a tab if the first line has one, else a comma

    Raises
    ------
    InputError
        If the file is absent or malformed, or cells break the schema: every fault with column,
        line of the file (the header is line 1), value and what is allowed (the first 20 of them).
    """
    return typed(read_cells(path, delimiter=delimiter), schema, path)


def typed(
    cells: Cells,
    schema: pa.DataFrameSchema,
    source: str | Path,
    names: Mapping[str, str] | None = None,
    known: Sequence[Fault] = (),
) -> pd.DataFrame:
    """Text cells as the schema has them, converted strictly as `read_table` tells.

    Parameters
    ----------
    cells : from any source, under the column names of the schema
    schema : taken strictly; columns that are not required may be absent
    source : file of the cells, named in the message
    names : their names of columns by ours, for the message
    known : what is wrong already with cells that are blank here; told with the rest

    Raises
    ------
    InputError
        If cells break the schema: every fault with line, column, value and what is allowed.
    """
    columns: dict[str, pd.Series[Any]] = {}
    faults, places = list(known), {(fault.column, fault.row) for fault in known}
    for name, texts in zip(cells.header, zip(*cells.rows, strict=True), strict=True):
        columns[name], found = _converted(name, texts, schema.columns.get(name))
        faults += [fault for fault in found if (fault.column, fault.row) not in places]
    frame, found = _checked(pd.DataFrame(columns), _without(schema, faults))
    places = {(fault.column, fault.row) for fault in faults}  # blank now, and told once is enough
    faults += [fault for fault in found if (fault.column, fault.row) not in places]
    if faults:
        faults.sort(key=lambda fault: -1 if fault.row is None else fault.row)
        place = [f"line {line}" for line in cells.lines].__getitem__
        raise refusal(source, [fault.told(place, names or {}) for fault in faults])
    return frame


def _converted(
    name: str, texts: Sequence[str], column: pa.Column | None
) -> tuple["pd.Series[Any]", list[Fault]]:
    """The cells of one column in its type, and those that are not of it or wrongly missing."""
    dtype: Any = getattr(getattr(column, "dtype", None), "type", None)
    convert, nullable, mend = _converter(str(dtype))
    codes, distinct = pd.factorize(np.array(texts, dtype=object))
    values: list[object] = [None] * len(distinct)
    faults: dict[int, tuple[str, str]] = {}
    for code, text in enumerate(distinct):
        if text in MISSING:
            if column is not None and not column.nullable:
                faults[code] = repr(text), MENDS["not_nullable"]
            continue
        try:
            values[code] = convert(text)
        except ValueError:
            is_date = convert is not truth and DATE.fullmatch(text)
            faults[code] = reprlib.repr(text), MENDS["date"] if is_date else mend
    rows = np.flatnonzero(np.isin(codes, list(faults)))
    series = pd.Series(values, dtype=nullable).take(codes).reset_index(drop=True)
    whole = nullable == "Float64" or not series.hasnans
    series = series.astype(dtype) if nullable != "object" and whole else series
    return series, [Fault(name, int(row), *faults[codes[row]]) for row in rows]


def _converter(dtype: str) -> tuple[Callable[[str], object], str, str]:
    """How cells of a type are read, the pandas type that holds them with gaps, and the mend."""
    if pd.api.types.is_bool_dtype(dtype):
        return truth, "boolean", "must be true or false"
    if pd.api.types.is_integer_dtype(dtype):
        return integer, "Int64", "must be a whole number"
    if pd.api.types.is_float_dtype(dtype):
        return number, "Float64", NUMBER
    return str, "object", ""


def _without(schema: pa.DataFrameSchema, faults: list[Fault]) -> pa.DataFrameSchema:
    """The schema without what is told already, so that the remaining faults are found as well."""
    broken = {str(fault.column) for fault in faults}
    if not broken:
        return schema
    rest = schema.update_columns({name: {"dtype": None, "nullable": True} for name in broken})
    rest.checks, rest.unique = [], None  # they need whole columns
    return rest


def _checked(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, list[Fault]]:
    """The frame as pandera returns it, or the faults that pandera finds."""
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        return frame, [Fault(name, None, "", "occurs twice, must occur once") for name in twice]
    strict = schema.update_columns({})
    strict.strict = True
    full = _filled(frame, schema) if schema.checks else frame
    try:
        with warnings.catch_warnings():
            # pandera itself concatenates empty frames while it collects the failures
            warnings.simplefilter("ignore", FutureWarning)
            return strict.validate(full, lazy=True)[list(frame.columns)], []
    except pa.errors.SchemaErrors as error:
        return frame, _faults(error.failure_cases, frame.index)


def _filled(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """With the columns that may be absent, all missing, as rules between columns need them."""
    gaps = {
        name: _converted(name, [""] * len(frame), column)[0].set_axis(frame.index)
        for name, column in schema.columns.items()
        if name not in frame and not column.required and column.nullable
    }
    return frame.assign(**gaps)


def _faults(cases: pd.DataFrame, index: "pd.Index[Any]") -> list[Fault]:
    """Pandera's failure cases in plain words, whole columns first, then from the top down."""
    faults = []
    mistyped = set(cases.loc[cases["check"].astype(str).str.contains("dtype"), "column"])
    # limits cannot be held against values of another type, and pandera tells so in its own words
    failed = cases["failure_case"].astype(str).str.fullmatch(r"(?s)[A-Za-z]+Error\(.*\)")
    cases = cases[~(failed & cases["index"].isna() & cases["column"].isin(mistyped))]
    rowwise = (cases["schema_context"] == "DataFrameSchema") & cases["index"].notna()
    groups: dict[tuple[Any, str], list[tuple[str, object]]] = {}
    for case in cases[rowwise].to_dict("records"):
        # pandera tells a fault between columns once for each of them
        cell = str(case["column"]), case["failure_case"]
        groups.setdefault((case["index"], str(case["check"])), []).append(cell)
    for (row, check), group in groups.items():
        together = check == "multiple_fields_uniqueness"
        group.sort(key=lambda cell: cell[0])
        columns = ", ".join(column for column, _ in group) if together else None
        values = ", ".join(_shown(value) for _, value in group) if together else ""
        faults.append(Fault(columns, row, values, _mend(check)))
    for case in cases[~rowwise].to_dict("records"):
        check, row = str(case["check"]), case["index"] if pd.notna(case["index"]) else None
        name, value = case["column"], _shown(case["failure_case"])
        if check.startswith("column_in_"):
            name, value = case["failure_case"], ""
        elif row is None:
            value = f"found {case['failure_case']},"
        faults.append(Fault(name, row, value, _mend(check)))
    order = {label: place for place, label in enumerate(index)}
    return sorted(dict.fromkeys(faults), key=lambda fault: order.get(fault.row, -1))


def _shown(value: object) -> str:
    """A value as a reader would type it, cut short."""
    return reprlib.repr(value.item() if isinstance(value, np.generic) else value)


def _mend(check: str) -> str:
    """What a pandera check allows, in words; a check's own error text as it is."""
    if typed := re.fullmatch(r"(?:coerce_)?dtype\('(.+)'\)", check):
        return f"must be of type {typed[1]}"
    if built_in := re.fullmatch(r"([a-z]+(?:_[a-z]+)*)\((.*)\)", check, re.DOTALL):
        if built_in[1] == "isin":
            return f"must be one of {', '.join(map(str, ast.literal_eval(built_in[2])))}"
        name = {"str_matches": "text like"}.get(built_in[1], built_in[1])
        text = f"must be {name.replace('_', ' ')} {built_in[2]}"
        return textwrap.shorten(text, 300, placeholder=" ...")
    return MENDS.get(check, check)

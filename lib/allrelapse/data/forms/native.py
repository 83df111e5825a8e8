"""Our own tables in a folder: `patients.csv`, `samples.parquet` and so on, read and written."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from allrelapse.data import files, schemas, tables
from allrelapse.data.cells import together
from allrelapse.data.cohort_file import CohortFile
from allrelapse.errors import InputError

ENDINGS = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".xlsx")


def fits(folder: Path, file: CohortFile) -> bool:
    """Whether the folder has a table of patients under our name."""
    return find(folder, "patients") is not None


def read(folder: Path, file: CohortFile) -> tuple[dict[str, pd.DataFrame], str, list[str]]:
    """Every table that is there, validated.

    Raises
    ------
    InputError
        If a table is there twice in different formats, or breaks its schema.
    """
    places = {name: find(folder, name) for name in tables.SCHEMAS}
    makers = {name: partial(read_one, path, name) for name, path in places.items() if path}
    return together(makers), "", []


def find(folder: Path, name: str) -> Path | None:
    """The file of a table, in whichever format it is; InputError if it is there twice."""
    there = [folder / f"{name}{ending}" for ending in ENDINGS]
    there = [path for path in there if path.is_file()]
    if len(there) > 1:
        raise InputError(f"{folder} has {' and '.join(p.name for p in there)}: keep one")
    return there[0] if there else None


def read_one(path: Path, name: str) -> pd.DataFrame:
    """One of our tables from CSV, TSV (also .gz), XLSX or Parquet, validated."""
    schema = tables.SCHEMAS[name]
    if path.suffix == ".parquet":
        frame = _fitted(files.read_parquet(path), name)
        frame.index += 1  # messages count rows from 1
        frame = schemas.validate(frame, schema, path).reset_index(drop=True)
        return tables.read_from(frame, path.name, range(1, len(frame) + 1), "row")
    cells = files.read(path)
    return tables.read_from(schemas.typed(cells, schema, path), path.name, cells.lines)


def read_as_written(folder: Path) -> dict[str, pd.DataFrame]:
    """Every Parquet table as `Writer` left it, not validated: for what is known to be untouched."""
    places = {name: folder / f"{name}.parquet" for name in tables.SCHEMAS}
    return {n: _fitted(files.read_parquet(p), n) for n, p in places.items() if p.is_file()}


def _fitted(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The frame with whole numbers, decimals and gaps in the types that the schema has for them."""
    changed = {}
    for column, wanted in tables.SCHEMAS[name].columns.items():
        if column not in frame:
            continue
        series, dtype = frame[column], str(wanted.dtype)
        if series.isna().all() and dtype != "str":
            changed[column] = pd.Series(None, frame.index, dtype=dtype)
        elif (dtype, str(series.dtype)) == ("float64", "Int64"):
            changed[column] = series.astype("float64")
        elif (dtype, str(series.dtype)) == ("Int64", "float64"):
            whole = series.dropna().mod(1).eq(0).all() and series.abs().max() < 2**53
            changed[column] = series.astype("Int64") if whole else series
    return frame.assign(**changed)


def read_truth(folder: Path) -> dict[str, pd.DataFrame]:
    """The planted tables of a simulated cohort; none if the folder holds a real one."""
    return {path.stem: files.read_parquet(path) for path in sorted(folder.glob("truth/*.parquet"))}


class Writer:
    """Writes tables block by block, so that a large cohort never has to be in memory.

    Parquet by default, CSV on request, but for the truth. Rows keep their order, and files are the
    same for the same rows, however these were cut into blocks.
    """

    GROUP = 100_000
    """Rows that are written together."""

    def __init__(self, folder: Path, *, csv: bool = False) -> None:
        self.folder, self.csv = folder, csv
        self._open: dict[str, Any] = {}
        self._waiting: dict[str, pa.Table] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self._waiting):
            self._flush(name, everything=True)
        for stream in self._open.values():
            stream.close()

    def add(self, blocks: Mapping[str, pd.DataFrame]) -> None:
        """Append rows to tables; a table's columns are those of its first block."""
        for name, frame in blocks.items():
            before = self._waiting.get(name)
            schema = before.schema if before is not None else _arrow_schema(frame)
            rows = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
            rows = rows.replace_schema_metadata(None)
            self._waiting[name] = pa.concat_tables([before, rows]) if before is not None else rows
            self._flush(name)

    def _flush(self, name: str, *, everything: bool = False) -> None:
        """Write whole groups; what remains waits for the next block."""
        rows = self._waiting[name]
        as_text = self.csv and not name.startswith("truth/")
        whole = rows.num_rows if everything else rows.num_rows // self.GROUP * self.GROUP
        if name not in self._open:
            ending = "csv" if as_text else "parquet"
            path = self.folder / f"{name}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if as_text:
                self._open[name] = path.open("w", encoding="utf-8", newline="")
                header = ",".join(rows.schema.names)
                self._open[name].write(header + "\n")
            else:
                self._open[name] = pq.ParquetWriter(path, rows.schema, compression="zstd")
        if whole and as_text:
            text = (
                rows.slice(0, whole)
                .to_pandas(types_mapper=_NULLABLE.get)
                .to_csv(index=False, header=False, lineterminator="\n", float_format="%.10g")
            )
            self._open[name].write(text)
        elif whole:
            # Parquet's pages would show where one block ended and the next began
            self._open[name].write_table(
                rows.slice(0, whole).combine_chunks(), row_group_size=self.GROUP
            )
        self._waiting[name] = rows.slice(whole)


_NULLABLE: dict[pa.DataType, Any] = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def _arrow_schema(frame: pd.DataFrame) -> pa.Schema:
    """Types of a table; whole numbers and truth values may have gaps, all else is text."""
    kinds = {"i": pa.int64(), "u": pa.int64(), "f": pa.float64(), "b": pa.bool_()}
    return pa.schema(
        [(str(name), kinds.get(dtype.kind, pa.string())) for name, dtype in frame.dtypes.items()]
    )

"""VCF files as a cohort: a sheet of samples that names the file of each, beside our tables."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.data import files, schemas
from allrelapse.data.cells import Cells, refusal, together
from allrelapse.data.cohort_file import CohortFile
from allrelapse.data.forms import native
from allrelapse.data.forms.vcf_file import Row, Taker, rows
from allrelapse.data.schemas import MISSING
from allrelapse.data.tables import SCHEMAS, VARIANT, read_from
from allrelapse.errors import InputError

SHEETS = tuple(ending for ending in native.ENDINGS if ending != ".parquet")
ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")

COLUMNS = (
    *("sample", "Hugo_Symbol", *VARIANT, "HGVSp_Short"),
    *("t_alt_count", "t_depth", "Variant_Classification"),
)


def fits(folder: Path, file: CohortFile) -> bool:
    """Whether the folder has a sheet of samples with a column `vcf`.

    Raises
    ------
    InputError
        If there is a sheet, but in two formats, or malformed.
    """
    path = _sheet(folder)
    return path is not None and "vcf" in files.read(path).header


def read(folder: Path, file: CohortFile) -> tuple[dict[str, pd.DataFrame], str, list[str]]:
    """The tables of the folder with the mutations of every VCF file; build; notes.

    Raises
    ------
    InputError
        If a table breaks its schema, a file is named that is not in the folder, is malformed or
        lacks the sample, genomes differ, or there are more than `files.ROWS` mutations.
    """
    path = _sheet(folder)
    if path is None or native.find(folder, "patients") is None:
        raise InputError(f"{folder} has VCF files but no patients.csv: add it")
    if (other := native.find(folder, "mutations")) is not None:
        raise InputError(f"{folder}: {other.name} and the column vcf of {path.name}: keep one")
    cells = files.read(path)
    places = {name: native.find(folder, name) for name in SCHEMAS if name != "samples"}
    makers: dict[str, Callable[[], Any]] = {
        name: partial(native.read_one, place, name) for name, place in places.items() if place
    }
    makers["samples"] = partial(_samples, path, cells)
    makers["vcf"] = partial(_wanted, folder, path, cells)
    tables: dict[str, Any] = together(makers)
    notes: list[str] = []
    build: str = file.build or ""
    if wanted := tables.pop("vcf"):
        tables["mutations"], build = _mutations(folder, wanted, build, notes)
    return tables, build, notes


def _sheet(folder: Path) -> Path | None:
    path = native.find(folder, "samples")
    return path if path is not None and path.name.endswith(SHEETS) else None


def _samples(path: Path, cells: Cells) -> pd.DataFrame:
    """The sheet as our table of samples."""
    made = schemas.typed(_ours(cells), SCHEMAS["samples"], path)
    return read_from(made, path.name, cells.lines)


def _ours(cells: Cells) -> Cells:
    """The sheet without the columns that only say where the mutations are."""
    keep = [i for i, name in enumerate(cells.header) if name not in ("vcf", "vcf_sample")]
    rows = [[row[i] for i in keep] for row in cells.rows]
    return Cells([cells.header[i] for i in keep], rows, cells.lines)


def _wanted(folder: Path, sheet: Path, cells: Cells) -> dict[Path, list[Taker]]:
    """The samples that are in each file."""
    wanted: dict[Path, list[Taker]] = {}
    faults = []
    for line, row in zip(cells.lines, cells.rows, strict=True):
        entry = dict(zip(cells.header, row, strict=True))
        if entry["vcf"] in MISSING:
            continue
        try:
            path = _inside(folder, entry["vcf"])
        except ValueError as error:
            faults.append(f"line {line}, column vcf: {entry['vcf']!r} {error}")
            continue
        column = entry.get("vcf_sample", "")
        taker = Taker(line, entry.get("sample", ""), "" if column in MISSING else column)
        wanted.setdefault(path, []).append(taker)
    if faults:
        raise refusal(sheet, faults)
    return wanted


def _inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder; ValueError if it is elsewhere or not there."""
    if not name.endswith(ENDINGS):
        raise ValueError(f"must end in {', '.join(ENDINGS)}")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError("must be in the folder of the cohort: write it relative to the folder")
    try:
        path = (folder / name).resolve()
        there = path.is_file()
    except (OSError, ValueError):
        raise ValueError("is no name of a file") from None
    if not there:
        raise ValueError("is not in the folder: add the file")
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("leads out of the folder of the cohort: copy the file into it")
    return path


def _mutations(
    folder: Path, wanted: Mapping[Path, list[Taker]], build: str, notes: list[str]
) -> tuple[pd.DataFrame, str]:
    """The table of mutations of all files, their genome, and notes on what was left out."""
    found: list[Row] = []
    left: Counter[str] = Counter()
    builds = {"cohort.yaml": build} if build else {}

    def gather(path: Path, takers: list[Taker]) -> None:
        for row in rows(path, takers, builds, left):
            if len(found) == files.ROWS:
                raise InputError(f"{path}: there are over {files.ROWS:,} mutations; filter them")
            found.append(row)

    together({str(path): partial(gather, path, takers) for path, takers in wanted.items()})
    if len(set(builds.values())) > 1:
        words = ", ".join(f"{name} says {told}" for name, told in builds.items())
        raise InputError(f"{folder}: {words}: all must be on one genome")
    table = pd.DataFrame(found, columns=list(COLUMNS), dtype="object")
    whole = ["Start_Position", "t_alt_count", "t_depth"]
    table = _once(table.astype(dict.fromkeys(whole, "Int64")), folder, left)
    notes.append(f"mutations: {len(table)}, VCF files: {len(wanted)}")
    notes += [f"VCF: {count} {what}" for what, count in left.items()]
    return schemas.validate(table, SCHEMAS["mutations"], f"VCF files in {folder}"), (
        next(iter(builds.values()), "")
    )


def _once(table: pd.DataFrame, folder: Path, left: Counter[str]) -> pd.DataFrame:
    """Each mutation of a sample once; the same one with other reads is a fault."""
    key = ["sample", *VARIANT]
    again = table.duplicated(key)
    if not again.any():
        return table
    wrong = table[again & ~table.duplicated([*key, "t_alt_count", "t_depth"])]
    if len(wrong):
        faults = [
            f"sample {row.sample}, {row.Chromosome}:{row.Start_Position} {row.Reference_Allele}>"
            f"{row.Tumor_Seq_Allele2}: is there twice with different reads: keep one"
            for row in wrong.itertuples()
        ]
        raise refusal(f"VCF files in {folder}", faults)
    left["rows that repeat another one, left out"] += int(again.sum())
    return table[~again].reset_index(drop=True)

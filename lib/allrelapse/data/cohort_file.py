"""`cohort.yaml`: what a folder with a cohort says about itself (all of it optional)."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from allrelapse import yamls
from allrelapse.errors import InputError

FILE = "cohort.yaml"
BUILDS = {"hg19": "GRCh37", "grch37": "GRCh37", "37": "GRCh37", "b37": "GRCh37"} | {
    "hg38": "GRCh38", "grch38": "GRCh38", "38": "GRCh38"
}  # fmt: skip


def build_named(name: Any) -> Any:  # noqa: ANN401
    """GRCh37 or GRCh38 for any of their usual names; anything else as it is."""
    return BUILDS.get(str(name).strip().lower(), name)


Build = Annotated[Literal["GRCh37", "GRCh38"], BeforeValidator(build_named)]
Cell = str | int | float | bool


class ColumnMap(BaseModel):
    """How one of our columns is made from theirs; a bare text stands for `column`.

    column : their name of the column
    value : the same for every row, instead of a column
    values : what their words mean, such as {M: male}; a word that is not named is a fault
    times : a factor between their unit and ours, such as 30.4375 for months
    since : their column with the date from which days are counted, where `column` is a date
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    value: Cell | None = None
    values: dict[str, str] | None = None
    times: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    since: str | None = None


def _as_map(entry: Any) -> Any:  # noqa: ANN401
    return {"column": entry} if isinstance(entry, str) else entry


class TableMap(BaseModel):
    """Where one of our tables comes from.

    file : in the folder of the cohort; CSV, TSV (also .gz) or XLSX
    sheet : of a workbook; the first one if not given
    skip : lines above the line of column names
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    sheet: str | None = None
    skip: int = Field(default=0, ge=0, le=1000)
    columns: dict[str, Annotated[ColumnMap, BeforeValidator(_as_map)]]


class CohortFile(BaseModel):
    """The file as a whole.

    name : of the cohort; by default that of the folder
    build : genome of the positions
    fasta : reference genome for trinucleotide contexts, relative to the folder, or absolute
    tables : column maps, by our table
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    build: Build | None = None
    fasta: Path | None = None
    tables: dict[
        Literal[
            "patients", "samples", "mutations", "serial_samples", "serial_variants", "drug_response"
        ],
        TableMap,
    ] = {}


def read(folder: Path) -> CohortFile:
    """The `cohort.yaml` of a folder, or an empty one.

    Raises
    ------
    InputError
        If it is malformed: one line per fault with the entry and the mend.
    """
    path = folder / FILE
    if not path.exists():
        return CohortFile()
    content = yamls.read(path)
    try:
        return CohortFile.model_validate({} if content is None else content)
    except ValidationError as error:
        words = {
            "extra_forbidden": "no such entry; remove it or correct its name",
            "string_pattern_mismatch": "use letters, digits, - and _ only",
        }
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {words.get(fault['type'], fault['msg'])}"
            for fault in error.errors()
        ]
        title = f"{path} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:"
        raise InputError("\n  ".join([title, *faults])) from None

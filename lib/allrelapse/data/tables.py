"""The tables of a cohort: their columns, units and limits, and what must fit between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd
import pandera.pandas as pa

from allrelapse.data.published import TIMING

STAGES = ("diagnosis", "relapse", "germline", "remission")
CHROMOSOMES = (*map(str, range(1, 23)), "X", "Y", "MT")
DAYS_PER_MONTH = 365.25 / 12
EARLY, LATE = 9 * DAYS_PER_MONTH, 36 * DAYS_PER_MONTH
"""Days since diagnosis from which a relapse is early, and after which it is late (Li 2020)."""

READS = 3
"""Reads from which a variant that was looked for counts as there: fewer may be errors."""

VARIANT = ["Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
"""What makes two mutations the same one, beside the patient."""

# Ids become file names, axis labels and cells of spreadsheets: nothing in them may act there.
ID = pa.Check.str_matches(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
    error="must be 1 to 64 letters, digits, . _ or -, the first a letter or digit",
)
# no `$` either: figures would take what is between two of them for a formula
TEXT = pa.Check.str_matches(
    r"^[^=+@$\-\x00-\x1f\x7f][^$\x00-\x1f\x7f]{0,199}\Z",
    error="must be one line of up to 200 characters, without $ and not beginning with = + - @",
)
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATED = (
    rf"[0-9]{{1,2}}[-/. ]{_MONTH}([-/. ][0-9]{{2,4}})?|{_MONTH}[-/. ][0-9]{{1,4}}"
    "|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ].*)?|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}"
)
GENE = pa.Check(
    lambda names: ~names.str.fullmatch(_DATED, case=False),
    error="looks like a gene name that a spreadsheet turned into a date; give the gene's name",
)
ALLELE = pa.Check.str_matches(
    r"^([ACGT]{1,1000}|-)\Z", error="must be bases in capitals (A, C, G, T), or - for none"
)


def _column(
    dtype: object, *checks: pa.Check, about: str, unit: str = "", needed: bool = False
) -> pa.Column:
    """A column with its meaning and unit; one that is not needed may be absent or have gaps."""
    return pa.Column(
        dtype,
        list(checks),
        nullable=not needed,
        required=needed,
        description=about,
        metadata={"unit": unit},
    )


def _day(about: str, *, needed: bool = False, first: int = -36_525) -> pa.Column:
    words = f"must be {first} or more days after diagnosis" if first >= 0 else None
    # a century: beyond it, it is no day but a date
    limits = pa.Check.in_range(first, 36_525, error=words)
    return _column(float, limits, about=about, unit="days since diagnosis", needed=needed)


_VARIANT = {
    "Hugo_Symbol": _column(str, TEXT, GENE, about="gene; none if in no gene"),
    "Chromosome": _column(
        str,
        pa.Check.isin(CHROMOSOMES, error="must be 1 to 22, X, Y or MT, without chr"),
        about="1 to 22, X, Y or MT, without `chr`",
        needed=True,
    ),
    "Start_Position": _column(
        "Int64",
        pa.Check.in_range(1, 300_000_000),
        about="first base, counted from 1",
        unit="base pairs",
        needed=True,
    ),
    "Reference_Allele": _column(str, ALLELE, about="bases of the reference, `-` for an insertion"),
    "Tumor_Seq_Allele2": _column(str, ALLELE, about="bases of the tumour, `-` for a deletion"),
    "HGVSp_Short": _column(str, TEXT, about="change of the protein, such as p.R367Q"),
    "t_alt_count": _column("Int64", pa.Check.ge(0), about="reads with the variant", unit="reads"),
    "t_depth": _column("Int64", pa.Check.ge(0), about="all reads there", unit="reads"),
}


def _reads_fit(table: pd.DataFrame) -> "pd.Series[bool]":
    return ~(table["t_alt_count"] > table["t_depth"]).fillna(value=False).astype(bool)


def _context_fits(table: pd.DataFrame) -> "pd.Series[bool]":
    """True where the middle base of the context is the reference base of a substitution."""
    middle, reference = table["context"].str[1], table["Reference_Allele"]
    single = reference.str.len().eq(1) & reference.ne("-")
    return ~(middle.notna() & single & middle.ne(reference)).fillna(value=False).astype(bool)


def _alleles_differ(table: pd.DataFrame) -> "pd.Series[bool]":
    same = table["Reference_Allele"] == table["Tumor_Seq_Allele2"]
    return ~same.fillna(value=False).astype(bool)


_ALLELES = pa.Check(
    _alleles_differ,
    error="column Tumor_Seq_Allele2 is Reference_Allele again: correct it, or remove the row",
)
_READS = pa.Check(_reads_fit, error="more reads with the variant (t_alt_count) than t_depth")
_CONTEXT = pa.Check(
    _context_fits,
    error="the middle base of context is not Reference_Allele: give it on the + strand, not the "
    "reverse complement",
)

SCHEMAS: Mapping[str, pa.DataFrameSchema] = {
    "patients": pa.DataFrameSchema(
        {
            "patient": pa.Column(str, ID, unique=True, description="id", metadata={"unit": ""}),
            "timing": _column(
                str,
                pa.Check.isin(TIMING),
                about="very early (<9), early (9-36), late (>36 months); or from relapse_day",
            ),
            "relapse_day": _day("first relapse", first=1),
            "lineage": _column(str, pa.Check.isin(["B", "T"]), about="B- or T-cell leukaemia"),
            "subtype": _column(str, TEXT, about="molecular subtype"),
            "age_years": _column(
                float, pa.Check.in_range(0, 120), about="age at diagnosis", unit="years"
            ),
            "sex": _column(str, pa.Check.isin(["female", "male"]), about="sex"),
            "wbc": _column(
                float,
                pa.Check.in_range(0, 5000),
                about="white blood cells at diagnosis",
                unit="10⁹ per litre",
            ),
            "mrd_percent": _column(
                float,
                pa.Check.in_range(0, 100),
                about="minimal residual disease at the end of induction",
                unit="% of cells",
            ),
            "mrd_below": _column(
                "boolean", about="true if mrd_percent is the limit of detection, not reached"
            ),
            "protocol": _column(str, TEXT, about="treatment protocol"),
            "follow_up_day": _day("last seen, or death", first=0),
            "status": _column(
                str, pa.Check.isin(["alive", "dead"]), about="state at follow_up_day"
            ),
            "second_relapse_day": _day("second relapse", first=1),
            "transplant_day": _day("stem-cell transplant after the first relapse", first=1),
        },
        unique_column_names=True,
    ),
    "samples": pa.DataFrameSchema(
        {
            "sample": pa.Column(str, ID, unique=True, description="id", metadata={"unit": ""}),
            "patient": _column(str, ID, about="id in patients", needed=True),
            "stage": _column(str, pa.Check.isin(STAGES), about=", ".join(STAGES), needed=True),
            "day": _day("taken"),
            "purity": _column(
                float, pa.Check.in_range(0, 1), about="share of tumour cells", unit="fraction"
            ),
            "platform": _column(
                str, pa.Check.isin(["genome", "exome", "panel"]), about="what was sequenced"
            ),
        }
    ),
    "mutations": pa.DataFrameSchema(
        {
            "sample": _column(str, ID, about="id in samples", needed=True),
            **_VARIANT,
            "Variant_Classification": _column(
                str, TEXT, about="MAF's class; Gene_Deletion for a lost gene, without alleles"
            ),
            "context": _column(
                str,
                pa.Check.str_matches(r"^[ACGTN]{3}\Z"),
                about="reference bases around a substitution, + strand",
            ),
            "copy_number": _column(
                float,
                pa.Check.in_range(0, 1000),
                about="copies in the tumour cells",
                unit="copies",
            ),
        },
        checks=[_ALLELES, _READS, _CONTEXT],
        unique=["sample", *VARIANT],
    ),
    "serial_samples": pa.DataFrameSchema(
        {
            "serial_sample": pa.Column(
                str, ID, unique=True, description="id", metadata={"unit": ""}
            ),
            "patient": _column(str, ID, about="id in patients", needed=True),
            "day": _day("taken", needed=True),
            "mrd_percent": _column(
                float,
                pa.Check.in_range(0, 100),
                about="leukaemia cells by flow cytometry",
                unit="% of cells",
            ),
            "mrd_below": _column(
                "boolean", about="true if mrd_percent is the limit of detection, not reached"
            ),
            "depth": _column(
                float, pa.Check.ge(0), about="median depth of sequencing", unit="reads"
            ),
        },
        unique=["patient", "day"],
    ),
    "serial_variants": pa.DataFrameSchema(
        {
            "serial_sample": _column(str, ID, about="id in serial_samples", needed=True),
            **_VARIANT,
        },
        checks=[_ALLELES, _READS],
        unique=["serial_sample", *VARIANT],
    ),
    "drug_response": pa.DataFrameSchema(
        {
            "line": _column(str, ID, about="cell line", needed=True),
            "genotype": _column(str, TEXT, about="what was changed in it; wild type if nothing"),
            "drug": _column(str, TEXT, about="drug", needed=True),
            "dose": _column(
                float, pa.Check.ge(0), about="concentration", unit="µmol per litre", needed=True
            ),
            "viability": _column(
                float,
                pa.Check.in_range(-1, 10),
                about="live cells against untreated ones",
                unit="fraction",
                needed=True,
            ),
            "time_zero": _column(
                float,
                pa.Check.in_range(0, 10, include_min=False),
                about="live cells when the drug was added, against untreated ones at the end",
                unit="fraction",
            ),
            "replicate": _column("Int64", pa.Check.ge(1), about="repeat on the plate", needed=True),
            "plate": _column("Int64", pa.Check.ge(1), about="plate"),
        },
        unique=["line", "genotype", "drug", "dose", "replicate", "plate"],
    ),
}

SLACK = 31
"""Days that a relapse sample may be before the relapse, as months are rounded."""

IN_ORDER = (
    ("relapse_day", "follow_up_day"),
    ("relapse_day", "second_relapse_day"),
    ("relapse_day", "transplant_day"),
    ("second_relapse_day", "follow_up_day"),
    ("transplant_day", "follow_up_day"),
)
"""Days of a patient of which the first is not after the second."""

REFERENCES = {
    "samples": ("patient", "patients"),
    "mutations": ("sample", "samples"),
    "serial_samples": ("patient", "patients"),
    "serial_variants": ("serial_sample", "serial_samples"),
}
"""Which column of a table must be found in which other one, under the same name."""


@dataclass(frozen=True)
class Origin:
    """The file that a table was read from and the number of each row there, for messages."""

    file: str
    numbers: Sequence[int]
    word: str

    def __deepcopy__(self, memo: object) -> Self:
        return self  # pandas copies `attrs` deeply at every step


def read_from(
    table: pd.DataFrame, file: str, numbers: Sequence[int], word: str = "line"
) -> pd.DataFrame:
    """The table, with where its rows came from kept in its `attrs` until `misfits` has been."""
    table.attrs["origin"] = Origin(file, numbers, word)
    return table


def complete(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with every column of its schema, in that order; absent ones are all missing."""
    schema = SCHEMAS[name]
    lacking = {
        column: pd.Series(None, table.index, dtype=_gaps(str(schema.columns[column].dtype)))
        for column in schema.columns
        if column not in table
    }
    return table.assign(**lacking)[list(schema.columns)]


def _place(table: pd.DataFrame, name: str, index: Any) -> str:  # noqa: ANN401
    """The row of a table as people find it."""
    origin = table.attrs.get("origin") or Origin(name, range(1, len(table) + 1), "row")
    return f"{origin.file}: {origin.word} {origin.numbers[int(index)]}"


def _gaps(dtype: str) -> str:
    """The pandas type that holds a column of gaps."""
    return {"float64": "float64", "Int64": "Int64", "boolean": "boolean"}.get(dtype, "object")


def timing(
    relapse_day: "pd.Series[float]", cuts: tuple[float, float] = (9, 36)
) -> "pd.Series[str]":
    """Group of a relapse by days since diagnosis; missing stays missing.

    Parameters
    ----------
    cuts : months, first and last of the early ones; 9 and 36 are Li's

    Source: Li 2020, abstract; a month is 365.25 / 12 days.
    """
    first, last = (cut * DAYS_PER_MONTH for cut in cuts)
    groups = pd.Series(pd.NA, relapse_day.index, dtype="object")
    groups[relapse_day < first] = TIMING[0]
    groups[relapse_day.between(first, last)] = TIMING[1]
    groups[relapse_day > last] = TIMING[2]
    return groups


def misfits(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What does not fit between the tables of a cohort, one line each; empty if all does."""
    faults = []
    for name, (key, other) in REFERENCES.items():
        if name not in tables:
            continue
        if other not in tables:
            faults.append(f"{name}: needs the table {other}: add it")
            continue
        named = tables[name][key].drop_duplicates()
        for index, value in named[~named.isin(tables[other][key])].items():
            place = _place(tables[name], name, index)
            faults.append(f"{place}, column {key}: {value!r} is not in {other}: add it")
    people = tables["patients"]
    given = people["timing"].notna() & people["relapse_day"].notna()
    wrong = given & (people["timing"] != timing(people["relapse_day"]))
    for index, group, day in people.loc[wrong, ["timing", "relapse_day"]].itertuples():
        faults.append(
            f"{_place(people, 'patients', index)}, column timing: {group!r} does not fit "
            f"relapse_day {day:g}: under 274 days is very early, over 1095 late"
        )
    for before, after in IN_ORDER:
        for index in people.index[people[before] > people[after]]:
            faults.append(f"{_place(people, 'patients', index)}, column {before}: is after {after}")
    return faults + (_untimely(tables["samples"], people) if "samples" in tables else [])


def _untimely(samples: pd.DataFrame, people: pd.DataFrame) -> list[str]:
    """Samples whose day does not fit what is known of their patient."""
    known = people.set_index("patient")
    relapse, last = (samples["patient"].map(known[d]) for d in ("relapse_day", "follow_up_day"))
    stage, day = samples["stage"], samples["day"]
    told = {
        "is after the patient's follow_up_day": day > last,
        "is long before the patient's relapse_day": (stage == "relapse") & (day < relapse - SLACK),
        "is after the patient's relapse_day": (stage == "diagnosis") & (day > relapse),
    }
    return [
        f"{_place(samples, 'samples', index)}, column day: {sample!r} {words}"
        for words, rows in told.items()
        for index, sample in samples.loc[rows, "sample"].items()
    ]

"""Open tables of Sentis et al. 2020: relapses of adult T-cell leukaemia, and how fast they grew."""

import json
import re

import pandas as pd
import pandera.pandas as pa

from allrelapse.data.cells import refusal
from allrelapse.data.open_data import fetch
from allrelapse.data.schemas import read_table, validate

BLASTS = "sentis2020/data_points_relapse.tsv"
CELLS = "sentis2020/num_cells_db.tsv"
TIMES = "sentis2020/info_pop_cells.json"
FITS = "sentis2020/optimization_values.txt"
COUNTS = "sentis2020/signature_counts.tsv"

FIT = re.compile(r"(\S+) (\S+) \[([^\[\]]*)\]\s*")
"""What Python prints of a number, a number and a numpy array, which spans lines."""
BOUNDS = {"mean": "mean", "lower": "CI_down", "upper": "CI_upp"}
SOURCES = {"own": "estimates", "li": "blood"}
PARTS = {"primary": "PRIVATE_PRY", "relapse": "PRIVATE_REL", "trunk": "TRUNK"}
SIGNATURES = ("SBS1", "SBS5", "SBS18")

PATIENT = pa.Check.str_matches(r"^PAT[0-9]+\Z")
POSITIVE, COUNT = pa.Check.gt(0), pa.Check.ge(0)
BLASTS_SCHEMA = pa.DataFrameSchema(
    {
        "PATIENT": pa.Column(str, PATIENT),
        "% blast": pa.Column(float, pa.Check.in_range(0, 100)),
        "days": pa.Column(int, COUNT),
    },
    unique=["PATIENT", "days"],
)
CELL_COLUMNS = {
    f"cells_{theirs}_{source}": f"{ours}_{bound}"
    for ours, source in SOURCES.items()
    for bound, theirs in BOUNDS.items()
}
CELLS_SCHEMA = pa.DataFrameSchema(
    {
        "PATIENT": pa.Column(str, PATIENT, unique=True),
        **{name: pa.Column(float, POSITIVE) for name in CELL_COLUMNS},
    }
)
TIMES_SCHEMA = pa.DataFrameSchema({name: pa.Column(float, POSITIVE) for name in BOUNDS.values()})
COUNT_COLUMNS = {
    f"{theirs}_{signature}": f"{part}_{signature}"
    for signature in SIGNATURES
    for part, theirs in PARTS.items()
}
COUNTS_SCHEMA = pa.DataFrameSchema(
    {
        "PATIENT": pa.Column(str, PATIENT, unique=True),
        **{name: pa.Column(float, COUNT) for name in COUNT_COLUMNS},
        "DIAGNOSIS_AGE_YEARS": pa.Column(float, POSITIVE),
        "PRIMARY_TO_RELAPSE_AGE_DAYS": pa.Column(int, POSITIVE),
        "IMMUNO_CLASS": pa.Column(str),
        "SEX": pa.Column(str, pa.Check.isin(["F", "M"])),
    }
)


def relapse_blasts() -> pd.DataFrame:
    """Blasts of 15 patients in a remission sample and at relapse, two rows each.

    Returns
    -------
    `patient`; `day`, 0 for the remission sample; `blast_percent`. Values of remission samples were
    published as numbers although some were given as less than them: `<` was removed, and which
    rows had it is not in the file. PAT9 and PAT12 were left out as outliers.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Sentis et al. 2020, Genome Biol 21:284, notebook `relapse_growth_model`.
    """
    table = read_table(fetch(BLASTS), BLASTS_SCHEMA)
    names = {"PATIENT": "patient", "days": "day", "% blast": "blast_percent"}
    return table.rename(columns=names)[list(names.values())]


def cells_at_diagnosis() -> pd.DataFrame:
    """Relapse cells of 19 patients at diagnosis, extrapolated back by six doubling times.

    Returns
    -------
    Index `patient`; `own_mean`, `own_lower`, `own_upper` by the doubling times of this cohort
    (`doubling_times`), `li_mean`, `li_lower`, `li_upper` by those of Li 2020: 7.4, 5 and 9 days.
    Lower and upper are of the doubling time.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Sentis et al. 2020, Genome Biol 21:284, figure 5 and figure S9.
    """
    table = read_table(fetch(CELLS), CELLS_SCHEMA).rename(columns={"PATIENT": "patient"})
    return table.set_index("patient").rename(columns=CELL_COLUMNS)[list(CELL_COLUMNS.values())]


def doubling_times() -> "pd.Series[float]":
    """Doubling time that Sentis used, days: `mean`, `lower`, `upper`.

    The bounds are quartiles of 100 bootstrap samples, not the ends of a 95 % interval.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Sentis et al. 2020, Genome Biol 21:284, notebook `relapse_growth_model`.
    """
    path = fetch(TIMES)
    row = pd.DataFrame([json.loads(path.read_text(encoding="utf-8"))])
    times = validate(row, TIMES_SCHEMA, path).iloc[0]
    return pd.Series({ours: times[theirs] for ours, theirs in BOUNDS.items()}, name="days")


def growth_fits() -> pd.DataFrame:
    """Every fit of the growth curve that Sentis kept while searching, one row each, in order.

    Returns
    -------
    `loss`, cross-entropy (infinite where the search fell off); `rate`, per 100 days; and the day
    of half the cells (`shift`) of each of 15 patients, columns by their names.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Sentis et al. 2020, Genome Biol 21:284, notebook `relapse_growth_model`, which orders
    the patients by name as text.
    """
    path, patients = fetch(FITS), sorted(relapse_blasts()["patient"].unique())
    text = path.read_text(encoding="utf-8")
    if rest := FIT.sub("", text).strip():
        raise refusal(path, [f"{rest[:60]!r} is no fit: value, rate and [shifts]"])
    rows = [[loss, rate, *shifts.split()] for loss, rate, shifts in FIT.findall(text)]
    if any(len(row) != 2 + len(patients) for row in rows):
        raise refusal(path, [f"each fit must have {len(patients)} shifts, one per patient"])
    columns = ["loss", "rate", *patients]
    checks = {name: pa.Column(float) for name in columns} | {"loss": pa.Column(float, COUNT)}
    return validate(
        pd.DataFrame(rows, columns=columns).astype(float), pa.DataFrameSchema(checks), path
    )


def signature_counts() -> pd.DataFrame:
    """Mutations of SBS1, SBS5 and SBS18 in 17 patients, and the days to their relapse.

    Returns
    -------
    Index `patient`; `primary_SBS1` and so on: mutations private to the primary or the relapse, or
    in both (`trunk`); `age_years` at diagnosis; `days_to_relapse`; `immuno_class`; `sex`, F or M.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Sentis et al. 2020, Genome Biol 21:284.
    """
    names = {
        "PATIENT": "patient",
        **COUNT_COLUMNS,
        "DIAGNOSIS_AGE_YEARS": "age_years",
        "PRIMARY_TO_RELAPSE_AGE_DAYS": "days_to_relapse",
        "IMMUNO_CLASS": "immuno_class",
        "SEX": "sex",
    }
    table = read_table(fetch(COUNTS), COUNTS_SCHEMA)
    return table.rename(columns=names)[list(names.values())].set_index("patient")

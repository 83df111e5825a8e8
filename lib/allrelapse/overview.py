"""A cohort at a glance: who is in it, which samples there are, and where everything comes from."""

import pandas as pd
from tableone import TableOne

from allrelapse.data import open_data, tables
from allrelapse.data.cohort import Cohort, pairs
from allrelapse.data.published import TIMING
from allrelapse.study import Study

DESCRIBED = ("age_years", "sex", "wbc", "lineage", "subtype", "mrd_percent")
CONTINUOUS = ("age_years", "wbc", "mrd_percent")


def flow(cohort: Cohort) -> pd.DataFrame:
    """How many patients have what, from all down to those whom an analysis can use.

    Returns
    -------
    `step`, `patients`, `samples` (missing where a step counts patients only).
    """
    rows: list[tuple[str, int, int | None]] = [("in the cohort", len(cohort.patients), None)]
    people = cohort.patients
    rows.append(("with the time of relapse", int(people["timing"].notna().sum()), None))
    rows.append(("with follow-up", int(people["follow_up_day"].notna().sum()), None))
    if cohort.samples is not None:
        for stage, group in cohort.samples.groupby("stage"):
            rows.append((f"with a sample of {stage}", group["patient"].nunique(), len(group)))
        both = pairs(cohort.samples)
        rows.append(("with diagnosis and relapse", len(both), 2 * len(both)))
        if cohort.mutations is not None:
            called = cohort.samples["sample"].isin(cohort.mutations["sample"])
            mutated = pairs(cohort.samples[called])
            rows.append(("with mutations of both", len(mutated), 2 * len(mutated)))
    if cohort.serial_samples is not None:
        series = cohort.serial_samples
        rows.append(("with serial samples", series["patient"].nunique(), len(series)))
    table = pd.DataFrame(rows, columns=["step", "patients", "samples"])
    return table.astype({"samples": "Int64"})


def table_one(patients: pd.DataFrame) -> pd.DataFrame:
    """Patients by timing of their relapse, with the test that compares the groups.

    Medians with quartiles (Kruskal-Wallis) and counts with per cent (chi-squared, which says so
    where counts are too small for it); P is not adjusted, and describes. Columns without any
    value are left out.
    """
    known = patients.dropna(subset=["timing"])
    described = [column for column in DESCRIBED if known[column].notna().any()]
    groups = [group for group in TIMING if (known["timing"] == group).any()]
    compare = len(groups) > 1
    table = TableOne(
        known[[*described, "timing"]].astype({"timing": object}),
        columns=described,
        continuous=[column for column in described if column in CONTINUOUS],
        nonnormal=[column for column in described if column in CONTINUOUS],
        categorical=[column for column in described if column not in CONTINUOUS],
        groupby="timing",
        order={"timing": groups},
        pval=compare,
        htest_name=compare,
        decimals=1,
    ).tableone
    named = table.set_axis(table.columns.get_level_values(1), axis=1)
    return pd.DataFrame(named.rename_axis(["characteristic", "level"]).reset_index())


def history(patients: pd.DataFrame) -> pd.DataFrame:
    """Patients whose relapse has a day, in the order of a swimmer plot, with `death_day`."""
    known = patients.dropna(subset=["relapse_day"]).copy()
    known["death_day"] = known["follow_up_day"].where(known["status"] == "dead")
    known["end_day"] = known["follow_up_day"].fillna(known["relapse_day"])
    return known.sort_values(["relapse_day", "patient"]).reset_index(drop=True)


def spread(simulated: pd.DataFrame, published: "pd.Series[float]") -> pd.DataFrame:
    """Where published aggregates lie among simulated cohorts.

    Returns
    -------
    One row per aggregate: `published`, `median`, `lower`, `upper` (2.5 and 97.5 %), `inside`,
    and `percentile` of the published value.
    """
    found = simulated[published.index]
    table = pd.DataFrame(
        {
            "published": published,
            "median": found.median(),
            "lower": found.quantile(0.025),
            "upper": found.quantile(0.975),
            "percentile": 100
            * ((found < published).sum() + (found == published).sum() / 2)
            / found.notna().sum(),
        }
    )
    table["inside"] = table["published"].between(table["lower"], table["upper"])
    return table


def columns(cohort: Cohort) -> pd.DataFrame:
    """Every column of the tables that there are: meaning, unit, and how much of it is filled."""
    rows = [
        (name, column, about.description, about.metadata["unit"], table[column].notna().mean())
        for name, table in cohort.tables.items()
        for column, about in tables.SCHEMAS[name].columns.items()
    ]
    return pd.DataFrame(rows, columns=["table", "column", "meaning", "unit", "filled"])


def open_data_sets(study: Study) -> pd.DataFrame:
    """Every open data file: which analyses read it, its size, licence and fingerprint."""
    readers: dict[str, list[str]] = {}
    for analysis in study.analyses:
        for name in (*analysis.open_data.required, *analysis.open_data.optional):
            readers.setdefault(name, []).append(analysis.id[:2])
    rows = [
        (name, ", ".join(readers.get(name, [])), entry.bytes, entry.licence, entry.sha256[:12])
        for name, entry in open_data.registry().items()
    ]
    return pd.DataFrame(rows, columns=["file", "read by", "bytes", "licence", "sha256"])

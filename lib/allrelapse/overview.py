"""A cohort at a glance: who is in it, which samples there are, and where everything comes from."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from tableone import TableOne

from allrelapse import figures
from allrelapse.data import open_data, tables
from allrelapse.data.cohort import Cohort, pairs
from allrelapse.data.published import TIMING
from allrelapse.study import Study

DESCRIBED = ("age_years", "sex", "wbc", "lineage", "subtype", "mrd_percent")
CONTINUOUS = ("age_years", "wbc", "mrd_percent")
YEAR = 365.25
EVENTS = {  # what it is called, marker, colour
    "relapse_day": ("relapse", "|", figures.PUBLISHED),
    "transplant_day": ("transplant", "^", figures.EVENT["transplant"]),
    "second_relapse_day": ("second relapse", "x", figures.EVENT["second relapse"]),
    "death_day": ("death", "X", figures.EVENT["death"]),
}
MRD_STEPS = (0.0, 0.01, 0.1, 1.0, 100.0)
MRD_WORDS = ("below limit", "to 0.1 %", "to 1 %", "above 1 %")
MRD_SHADES = ("#E0E0E0", "#BDBDBD", "#737373", "#252525")


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


def swimmer_plot(patients: pd.DataFrame, *, ax: Axes, phases: pd.DataFrame | None = None) -> None:
    """One line per patient from diagnosis to last contact, early relapses at the top.

    Parameters
    ----------
    patients : as `history` gives them
    phases : of therapy, `name`, `start`, `end` in days; drawn until the relapse
    """
    rows = np.arange(len(patients))
    thick = max(min(280 / len(patients), 6), 0.4)
    colours = patients["timing"].map(figures.TIMING)
    ax.hlines(rows, 0, patients["end_day"] / YEAR, color=colours, lw=thick, alpha=0.35)
    shades = ("#444444", "#8C8C8C", "#5F5F5F", "#C4C4C4")
    for number, phase in enumerate([] if phases is None else phases.to_dict("records")):
        stop = patients["relapse_day"].clip(upper=phase["end"])
        given = stop > phase["start"]
        shade, begin = shades[number % len(shades)], phase["start"] / YEAR
        span = (rows[given], begin, stop[given] / YEAR)
        ax.hlines(*span, color=shade, lw=thick * 0.5, label=phase["name"])
    for column, (words, marker, colour) in EVENTS.items():
        day = patients[column] / YEAR
        if day.notna().any():
            ax.scatter(
                day, rows, max(thick * 4, 6), colour, marker=marker, lw=0.9, label=words, zorder=3
            )
    level = np.searchsorted(MRD_STEPS, patients["mrd_percent"].fillna(0), side="right") - 1
    level = np.where(patients["mrd_below"].fillna(value=False).astype(bool), 0, level)
    known = patients["mrd_percent"].notna()
    strip = np.array(MRD_SHADES)[np.clip(level, 0, 3)]
    ax.scatter(
        np.full(known.sum(), -0.15), rows[known], max(thick * 5, 4), strip[known], marker="s",
        linewidth=0,
    )  # fmt: skip
    for group, colour in figures.TIMING.items():
        ax.plot([], [], color=colour, lw=4, alpha=0.35, label=group)
    for shade, words in zip(MRD_SHADES, MRD_WORDS, strict=True) if known.any() else ():
        ax.plot([], [], "s", color=shade, ms=4, label=f"MRD {words}")
    ax.set(xlabel="years since diagnosis", ylabel=f"patients (n = {len(patients)})")
    ax.set(
        xlim=(-0.3, patients["end_day"].max() / YEAR * 1.02), ylim=(len(patients), -1), yticks=[]
    )


def spread_plot(simulated: "pd.Series[float]", published: float, *, ax: Axes) -> None:
    """Histogram of one aggregate over simulated cohorts, the published value in black."""
    values = simulated.dropna().to_numpy()
    whole = (values % 1 == 0).all()
    edges = np.arange(values.min() - 0.5, values.max() + 1)
    bins = edges if whole else np.histogram_bin_edges(values, 12)
    ax.hist(values, bins=bins.tolist(), color=figures.FAINT, edgecolor="white", linewidth=0.5)
    ax.axvline(published, color=figures.PUBLISHED, lw=1.5)
    ax.set(yticks=[])
    ax.spines["left"].set_visible(False)


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

"""The course of patients: variants in serial samples, and all events of a cohort.

Every function takes tidy tables and gives the figure with the tidy table of what it drew. It draws
into `ax` if it gets one; otherwise it makes a figure of its usual size.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from statsmodels.stats.proportion import proportion_confint

from allrelapse import figures, overview
from allrelapse.data.published import GENES
from allrelapse.data.tables import VARIANT
from allrelapse.errors import InputError
from allrelapse.plots.drawing import (
    HALO,
    LINE,
    TEXT,
    Drawn,
    canvas,
    label_right,
    legend_below,
    needed,
    phase_band,
    timing_colours,
)

MARKERS = "os^DvPX"  # of the variants of one gene, by turns
OTHER_GENE, OTHERS = "#333333", "#AAAAAA"  # genes without a colour of their own; unnamed variants
UNSEEN = "#EFEFEF"  # below the limit of detection
YEAR = 365.25
FEW = 40  # patients, up to which a swimmer plot names them
EVENTS = {  # what it is called, marker, colour
    "relapse_day": ("relapse", "|", figures.PUBLISHED),
    "transplant_day": ("transplant", "^", figures.EVENT["transplant"]),
    "second_relapse_day": ("second relapse", "x", figures.EVENT["second relapse"]),
    "death_day": ("death", "D", figures.EVENT["death"]),
}
MRD_STEPS = (0.0, 0.01, 0.1, 1.0, 100.0)  # per cent
MRD = {"below limit": "#FFFFFF", "to 0.1 %": "#CCCCCC", "to 1 %": "#858585", "above 1 %": "#252525"}
SERIAL = ("day", "Hugo_Symbol", "HGVSp_Short", *VARIANT, "t_alt_count", "t_depth", "limit")
POINT = ["day", "variant", "gene", "fraction", "lower", "upper", "limit", "drawn", "detected"]


def trajectories(
    reads: pd.DataFrame,
    phases: pd.DataFrame | None = None,
    *,
    relapse_day: float | None = None,
    named: Collection[str] = tuple(GENES),
    quantity: str = "reads with the variant, %",
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """How the variants of one patient rise and fall in serial samples, on a logarithmic axis.

    Filled symbols reach the limit of detection of their sample, open ones do not; where no read
    has the variant the open symbol stands at the limit, and its interval begins at the edge. Lines
    join neighbouring samples in which the variant was detected, and no others. Variants of named
    genes have colours and their name; all others are thin and grey, and without open symbols.

    Parameters
    ----------
    reads : `serial_variants` joined with `serial_samples`, with `limit`, the fraction from which
        a variant is told from errors; it may have `fraction`, `lower`, `upper` (such as of cells),
        otherwise these are the share of reads with its exact binomial 95% interval. Rows without
        reads are left out
    phases : of therapy, `name`, `start`, `end` in days
    named : genes
    quantity : what the fractions are, in per cent

    Returns
    -------
    The figure, and one row per point: `day`, `variant`, `gene` (missing if not named),
    `fraction`, `lower`, `upper`, `limit`, `drawn` (the height, a fraction), `detected`.

    Raises
    ------
    InputError
        If a column is missing, there are no reads, or there are several patients.
    """
    shown = _points_of(needed(reads, SERIAL, "reads"), named)
    figure, ax = canvas(ax, 0.75 * figures.PAGE, 2.8)
    heights = ["drawn", "lower", "upper", "limit"]
    percent = shown.assign(**{column: 100 * shown[column] for column in heights})
    low = float(percent[["drawn", "limit"]].to_numpy(float).min()) / 3
    relapse = [day for day in [relapse_day] if day is not None and not np.isnan(day)]
    days = [0.0, *percent["day"], *relapse]
    first, last = min(days), max(days)
    margin = 0.03 * (last - first) or 1.0
    ax.set(yscale="log", ylim=(low, 1.5 * percent["upper"].max()))
    ax.set(xlim=(first - margin, last + margin), xlabel="days since diagnosis", ylabel=quantity)
    ax.yaxis.set_major_formatter("{x:g}")
    limit = percent.groupby("day")["limit"].median()
    ax.fill_between(limit.index, low, limit, color=UNSEEN, lw=0, zorder=0)
    ax.plot(limit.index, limit, "_", color=LINE, ms=5, zorder=1, label="limit of detection")
    _draw_variants(percent, low, ax)
    _mark_relapse(relapse, ax)
    used = float(TEXT) * len(relapse)
    if phases is not None:
        given = phases.assign(end=phases["end"].clip(upper=last))
        used = phase_band(given[given["start"] < last], ax=ax)
    ax.set_title(title, pad=6 + used)
    _name_variants(percent, ax)
    ax.annotate(
        "below the limit of detection", (0, 0), (4, 4), "axes fraction", "offset points",
        color="#555555", path_effects=[HALO], zorder=6,
    )  # fmt: skip
    return figure, shown


def _points_of(reads: pd.DataFrame, named: Collection[str]) -> pd.DataFrame:
    """One row per point, in order of variant and day."""
    patients = set(reads.get("patient", []))
    if len(patients) > 1:
        raise InputError(f"reads: of {len(patients)} patients; draw one at a time")
    known = reads["t_alt_count"].notna() & (reads["t_depth"].fillna(0) > 0)
    table = reads[known].sort_values([*VARIANT, "day"], ignore_index=True)
    if table.empty:
        raise InputError("reads: t_depth is 0 or missing in every row; leave the patient out")
    if "fraction" not in table:
        count, depth = (table[c].to_numpy(float) for c in ("t_alt_count", "t_depth"))
        table["fraction"] = count / depth
        table["lower"], table["upper"] = proportion_confint(count, depth, method="beta")
    gene = table["Hugo_Symbol"].astype(object)
    gene = gene.where(gene.isin(list(named)))
    change = table["HGVSp_Short"].fillna("").str.removeprefix("p.")
    place = table[VARIANT].astype(str).agg(" ".join, axis=1)
    table["variant"] = (gene + " " + change).str.strip().where(gene.notna(), place)
    table["gene"] = gene
    table["drawn"] = table["fraction"].where(table["fraction"] > 0, table["limit"])
    table["detected"] = (table["fraction"] > 0) & (table["fraction"] >= table["limit"])
    return table[POINT]


def _draw_variants(percent: pd.DataFrame, low: float, ax: Axes) -> None:
    """Lines between neighbouring detections, intervals and points."""
    turns: dict[str, int] = {}
    for name, line in percent.groupby("variant", sort=False):
        gene = line["gene"].iloc[0]
        own = isinstance(gene, str)
        colour, size, order = (figures.GENE.get(gene, OTHER_GENE) if own else OTHERS), 4.0, 4
        marker = MARKERS[turns.get(gene, 0) % len(MARKERS)] if own else "o"
        turns[gene] = turns.get(gene, 0) + 1
        if not own:
            size, order = 2.5, 2
        x, y, sure = (line[c].to_numpy() for c in ("day", "drawn", "detected"))
        for i in np.flatnonzero(sure[:-1] & sure[1:]):
            ax.plot(x[i : i + 2], y[i : i + 2], "-", color=colour, lw=size / 4, zorder=order)
        shown = sure | own
        lower, upper = line["lower"].clip(lower=low)[shown], line["upper"][shown]
        alpha = 0.8 if own else 0.4
        ax.vlines(x[shown], lower, upper, color=colour, lw=size / 5, alpha=alpha, zorder=order)
        states = ((sure, colour, "detected"), (~sure & own, "white", "not detected"))
        for part, face, state in states:
            if not part.any():
                continue
            ax.plot(
                x[part], y[part], marker, mec=colour, mfc=face, ms=size, mew=size / 5,
                zorder=order + 1, lw=0, clip_on=False, label=f"{name}, {state}",
            )  # fmt: skip


def _name_variants(percent: pd.DataFrame, ax: Axes) -> None:
    """Names of variants at the right, and how many others there are."""
    ends = percent.sort_values("day", kind="stable").groupby("variant", sort=False).tail(1)
    own, others = ends[ends["gene"].notna()], ends[ends["gene"].isna()]
    labels = own[["variant", "day", "drawn"]]
    if len(others):
        middle = others.sort_values("drawn").iloc[[len(others) // 2]]
        words = f"{len(others)} {'others' if len(own) else 'variants'}"
        labels = pd.concat([labels, middle[["variant", "day", "drawn"]].assign(variant=words)])
    colours = [figures.GENE.get(gene, OTHER_GENE) for gene in own["gene"]]
    colours += ["#777777"] * (len(labels) - len(own))
    label_right(list(labels["variant"]), labels["day"], labels["drawn"], colours, ax=ax)


def _mark_relapse(days: list[float], ax: Axes) -> None:
    """A dashed line on the day, if it is known, with its word above the axes."""
    for day in days:
        ax.axvline(day, color=figures.PUBLISHED, lw=0.8, ls="--", zorder=1)
        where = ax.get_xaxis_transform()
        ax.annotate("relapse", (day, 1), (0, 2), where, "offset points", annotation_clip=False)


def swimmer(
    patients: pd.DataFrame,
    phases: pd.DataFrame | None = None,
    *,
    samples: pd.DataFrame | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """One bar per patient from diagnosis to last contact, early relapses at the top, with events.

    Therapy is a band on top, minimal residual disease after induction a strip at the left. Few
    patients are named.

    Parameters
    ----------
    patients : of a cohort; those without the day of relapse are left out
    phases : of therapy, `name`, `start`, `end` in days
    samples : `patient` and `day` of each, such as the serial ones

    Returns
    -------
    The figure, and one row per patient in the order drawn: `patient`, `timing`, days of events,
    `end_day`, `mrd_percent`, `mrd_below` (the limit), `samples` (their number).

    Raises
    ------
    InputError
        If there is no patient with the day of relapse.
    """
    courses = needed(overview.history(patients), ("patient",), "courses of relapsed patients")
    rows = pd.Series(range(len(courses)), courses["patient"])
    few = len(courses) <= FEW
    alone = ax is None
    height = 1.7 + 0.16 * len(courses) if few else min(2 + 0.055 * len(courses), 9)
    figure, ax = canvas(ax, figures.PAGE, height)
    last = courses["end_day"].max() / YEAR
    ax.set(xlim=(-0.045 * last, 1.02 * last), ylim=(len(courses) - 0.4, -0.6))
    ax.set(xlabel="years since diagnosis", ylabel=f"patients (n = {len(courses)})")
    ax.set_yticks(rows if few else [], list(courses["patient"]) if few else [])
    thick = max(min(280 / len(courses), 6), 0.4)
    _draw_courses(courses, thick, ax)
    taken = pd.DataFrame({"patient": [], "day": []}) if samples is None else samples
    taken = taken[taken["patient"].isin(rows.index)]
    if len(taken):
        ax.plot(
            taken["day"] / YEAR, rows[taken["patient"]], "o", color="white", ms=3, mec=LINE,
            mew=0.7, lw=0, zorder=2.5, label="serial sample",
        )  # fmt: skip
    _draw_mrd(courses, ax)
    used = 0.0 if phases is None else phase_band(phases, ax=ax, days_per_unit=YEAR)
    ax.set_title(title, pad=6 + used)
    legend_below(ax, alone=alone, columns=4)
    counts = taken["patient"].value_counts()
    table = courses.assign(samples=courses["patient"].map(counts).fillna(0).astype(int))
    mrd = ["mrd_percent", "mrd_below"]
    return figure, table[["patient", "timing", *EVENTS, "end_day", *mrd, "samples"]]


def _draw_courses(courses: pd.DataFrame, thick: float, ax: Axes) -> None:
    """Bars in the colour of timing, of a thickness in points, and events on them."""
    rows = np.arange(len(courses))
    ends, colours = courses["end_day"] / YEAR, timing_colours(courses["timing"])
    ax.hlines(rows, 0, ends, color=colours, lw=thick, alpha=0.4)
    for group, colour in figures.TIMING.items():
        ax.plot([], [], color=colour, lw=4, alpha=0.4, label=f"{group} relapse")
    for column, (words, marker, colour) in EVENTS.items():
        day, size = courses[column] / YEAR, max(thick * 4, 7)
        if day.notna().any():
            ax.scatter(day, rows, size, colour, marker=marker, lw=0.9, label=words, zorder=3)


def _draw_mrd(courses: pd.DataFrame, ax: Axes) -> None:
    """A strip of shades left of day 0, white below the limit, for those who were measured."""
    below = courses["mrd_below"].fillna(value=False).astype(bool)
    level = np.searchsorted(MRD_STEPS, courses["mrd_percent"].fillna(0), side="right") - 1
    level = np.clip(np.where(below, 0, level), 0, len(MRD) - 1)
    known = courses["mrd_percent"].notna().to_numpy()
    if not known.any():
        return
    left = ax.get_xlim()[0]
    for step, (words, shade) in enumerate(MRD.items()):
        cells = np.flatnonzero(known & (level == step))
        if not len(cells):
            continue
        ax.barh(
            cells, -0.6 * left, 1, 0.9 * left, color=shade, ec="#999999", lw=0.3,
            label=f"MRD {words}",
        )  # fmt: skip
    ax.annotate("MRD", (0.6 * left, 1), (0, 2), ax.get_xaxis_transform(), "offset points",
                ha="right", annotation_clip=False)  # fmt: skip

"""Growth and timing of relapses: ladders to the day of diagnosis, doubling times, probabilities.

Every function takes tidy tables and gives the figure with the tidy table of what it drew. It draws
into `ax` if it gets one; otherwise it makes a figure of its usual size.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from allrelapse import figures
from allrelapse.data.published import TIMING
from allrelapse.errors import InputError
from allrelapse.exact import Estimate
from allrelapse.plots.drawing import (
    HALO,
    LINE,
    TEXT,
    UNKNOWN,
    Drawn,
    apart,
    canvas,
    label_right,
    needed,
    size_in_points,
    text_width,
    timing_colours,
)

FLOOR = 1e-3  # cells at diagnosis, of which fewer are not told apart
FIRST = -200.0  # day before which no founder is drawn
TINY = 5  # events, below which the point of a bin is open
NAMED = 8  # lines, up to which each is named
LADDER = ("patient", "timing", "relapse_day", "cells_relapse", "cells_diagnosis", "lower", "upper")
DOUBLING = ("patient", "timing", "doubling_days", "lower", "upper", "samples")
BINS = ("predicted", "observed", "lower", "upper", "events")


def ladder(table: pd.DataFrame, *, title: str = "") -> Drawn:
    """Each relapse's clone followed back to its first cell, and its cells at diagnosis.

    Left: straight lines on a logarithmic axis, which are exponential growth, from the relapse down
    to one cell; planted founders as black bars there. Right: cells at diagnosis with their
    intervals, open below one cell, arrows where there are fewer than 0.001, beside the planted day
    of the founder.

    Parameters
    ----------
    table : one row per patient: `patient`, `timing`, `relapse_day` (above 0), `cells_relapse`,
        `cells_diagnosis`, and `lower` and `upper` of these (from the interval of the doubling
        time); maybe `founded_day`, as planted. Rows without the day or the cells are left out

    Returns
    -------
    The figure, and the rows of `table` in the order drawn, with `one_cell_day` (where the line
    meets one cell).

    Raises
    ------
    InputError
        If a column is missing, there is no patient, or a relapse is not after day 0.

    Source: Li 2020, Blood 135:41, and Sentís 2020, Genome Biol 21:284 (the estimates).
    """
    columns = [*LADDER, *(["founded_day"] if "founded_day" in table else [])]
    shown = needed(table, LADDER, "ladder")[columns]
    shown = needed(shown.dropna(subset=list(LADDER[2:5])), LADDER, "ladder, without missing cells")
    if not (shown["relapse_day"] > 0).all():
        raise InputError("ladder: relapse_day must be above 0 in every row; leave others out")
    shown = _by_timing(shown, "relapse_day")
    before, after = (np.log(shown[f"cells_{at}"].clip(1e-300)) for at in ("diagnosis", "relapse"))
    shown["one_cell_day"] = shown["relapse_day"] * -before / (after - before)
    tall = min(max(3.2, 1.2 + 0.15 * len(shown)), 9)
    figure, axes = plt.subplots(1, 2, figsize=(figures.PAGE, tall), width_ratios=[1.2, 1])
    figure.suptitle(title)
    _lines_to_one_cell(shown, axes[0])
    _cells_at_diagnosis(shown, axes[1])
    return figure, shown


def _by_timing(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows by group of timing in its order, unknown ones last, and then by a column."""
    rank = table["timing"].map({group: i for i, group in enumerate(TIMING)}).fillna(len(TIMING))
    order = pd.DataFrame({"rank": rank, "then": table[column]}).sort_values(["rank", "then"])
    return table.loc[order.index].reset_index(drop=True)


def _lines_to_one_cell(shown: pd.DataFrame, ax: Axes) -> None:
    """Growth of each clone from one cell to its relapse, and the planted founders."""
    planted = shown["founded_day"] if "founded_day" in shown else pd.Series(dtype=float)
    days = pd.concat([shown["one_cell_day"], planted]).clip(lower=FIRST)
    last = float(shown["relapse_day"].max())
    colours = timing_colours(shown["timing"])
    ax.set(yscale="log", ylim=(0.3, 1e3 * shown["cells_relapse"].max()))
    ax.set(xlim=(min(0, float(days.min())) - 0.04 * last, 1.04 * last))
    numbers = shown[["one_cell_day", "relapse_day", "cells_relapse"]].to_numpy(float)
    for (born, day, cells), colour in zip(numbers, colours, strict=True):
        ax.plot([born, day], [1, cells], color=colour, lw=0.8, zorder=2)
        ax.plot(day, cells, "o", color=colour, ms=3, zorder=3)
    ax.plot(planted.clip(lower=FIRST), np.ones(len(planted)), "|", color=figures.PUBLISHED, ms=9)
    ax.axhline(1, color=figures.PUBLISHED, lw=0.8, ls="--", zorder=1)
    ax.axvline(0, color=LINE, lw=0.8, zorder=1)
    ax.annotate("one cell", (1, 1), (0, 2), ax.get_yaxis_transform(), "offset points", ha="right")
    ax.text(0, 0.5, "diagnosis ", transform=ax.get_xaxis_transform(), rotation=90, ha="right")
    ax.set_yticks(10.0 ** np.arange(0, np.log10(ax.get_ylim()[1]), 3))
    ax.minorticks_off()
    bars = "\n(black bars: planted founders)" if len(planted) else ""
    ax.set(xlabel=f"days since diagnosis{bars}", ylabel="leukaemia cells of the clone")
    _name_groups(shown, ax)


def _cells_at_diagnosis(shown: pd.DataFrame, ax: Axes) -> None:
    """A row per patient: cells at diagnosis with their interval, and the planted founder's day."""
    numbers = shown[["cells_diagnosis", "lower", "upper"]].to_numpy(float)
    most = 30 * max(1.0, float(numbers[np.isfinite(numbers)].max()))
    ax.set(xscale="log", xlim=(FLOOR / 2, most), ylim=(len(shown) - 0.5, -0.5))
    for y, (colour, (cells, lower, upper)) in enumerate(
        zip(timing_colours(shown["timing"]), numbers, strict=True)
    ):
        ends = np.clip([lower, upper], FLOOR, most)
        ax.hlines(y, *ends, color=colour, lw=1.5, zorder=2)
        for end, beyond, arrow in zip(ends, (lower < FLOOR, upper > most), "<>", strict=True):
            if beyond:
                ax.plot(end, y, arrow, color=colour, ms=5, clip_on=False, zorder=3)
        if cells >= FLOOR:
            face = colour if cells >= 1 else "white"
            ax.plot(cells, y, "o", mec=colour, mfc=face, ms=5, clip_on=False, zorder=3)
    ax.axvline(1, color=figures.PUBLISHED, lw=0.8, ls="--", zorder=1)
    ax.set_yticks(range(len(shown)), list(shown["patient"].astype(str)))
    ax.xaxis.set_major_locator(LogLocator(numticks=6))
    ax.xaxis.set_minor_locator(LogLocator(numticks=1))
    ax.set_xlabel("cells at diagnosis, 95% interval\n(dashed: one cell)")
    if "founded_day" in shown:
        about: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}
        for y, day in enumerate(shown["founded_day"]):
            words = "?" if pd.isna(day) else f"{day:.0f}"
            where = ax.get_yaxis_transform()
            ax.annotate(words, (1, y), (34, 0), where, ha="right", va="center", **about)
        words = "planted\nfounder, day"
        ax.annotate(words, (1, 1), (34, 2), "axes fraction", ha="right", **about)


def _name_groups(shown: pd.DataFrame, ax: Axes) -> None:
    """Groups of timing with their number of patients, above where they relapsed."""
    days = shown.groupby("timing")["relapse_day"].agg(["median", "size"])
    days = days.reindex([group for group in TIMING if group in days.index])
    words = [f"{group}\nn = {count}" for group, count in days["size"].items()]
    left, right = ax.get_xlim()
    wide = size_in_points(ax)[0]
    aims = (days["median"].to_numpy() - left) / (right - left) * wide
    # bold letters are wider
    places = apart(aims, [1.15 * text_width(word) + 4 for word in words], 0, wide)
    for word, group, place in zip(words, days.index, places, strict=True):
        ax.text(
            place / wide, 1, word, color=figures.TIMING[group], weight="bold", ha="center",
            va="top", transform=ax.transAxes, path_effects=[HALO],
        )  # fmt: skip


def doubling_forest(
    table: pd.DataFrame,
    *,
    population: Estimate | None = None,
    published: float | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """Doubling time of each patient's relapse with its profile interval, by group of timing.

    Ends of intervals at infinity, or at 0, are arrows; planted times are black bars.

    Parameters
    ----------
    table : one row per patient: `patient`, `timing`, `doubling_days`, `lower`, `upper`, `samples`;
        maybe `planted` (days)
    population : median doubling time of all, days, with its interval; drawn as a band
    published : days, as a dotted black line

    Returns
    -------
    The figure, and the rows of `table` in the order drawn.

    Raises
    ------
    InputError
        If a column is missing, or there is no patient.
    """
    shown = needed(table, DOUBLING, "doubling times")
    columns = [*DOUBLING, *(["planted"] if "planted" in shown else [])]
    shown = _by_timing(shown, "doubling_days")[columns]
    figure, ax = canvas(ax, figures.COLUMN, 0.9 + 0.16 * len(shown))
    colours = timing_colours(shown["timing"])
    label = shown["patient"].astype(str) + " (" + shown["samples"].astype(str) + ")"
    ax.set_xscale("log")
    figures.interval_plot(
        shown.assign(label=label), value="doubling_days", lower="lower", upper="upper",
        label="label", ax=ax, colours=colours,
    )  # fmt: skip
    days = shown[list(DOUBLING[2:5])].to_numpy(float)
    for y in np.flatnonzero(shown["lower"] <= 0):
        edge = float(days[days > 0].min()) / 3  # to which the interval is drawn
        ax.plot(edge, y, "<", color=colours[y], ms=5, clip_on=False)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    if population is not None:
        ax.axvspan(population.lower, population.upper, color="#E0E0E0", lw=0, zorder=0)
        side = 0 if published is None else 1 if population.value >= published else -1
        _mark(population.value, f"median {population.value:.1f} d", ax, side)
    if published is not None:
        side = 0 if population is None else -1 if population.value >= published else 1
        _mark(published, f"published {published:g} d", ax, side, figures.PUBLISHED)
    if "planted" in shown:
        ax.plot(shown["planted"], range(len(shown)), "|", color=figures.PUBLISHED, ms=9, zorder=4)
    ax.set_title(title, pad=6 if population is None and published is None else 6 + TEXT)
    bars = "\n(black bars: planted)" if "planted" in shown else ""
    ax.set(xlabel=f"doubling time, days (95% interval){bars}", ylabel="patient (samples)")
    for group, rows in shown.groupby("timing", sort=False).groups.items():
        ax.annotate(
            str(group), (1, float(np.mean(rows))), (10, 0), ax.get_yaxis_transform(),
            "offset points", color=figures.TIMING.get(str(group), UNKNOWN), weight="bold",
            va="center", annotation_clip=False,
        )  # fmt: skip
    return figure, shown


def _mark(x: float, words: str, ax: Axes, side: int = 0, colour: str = LINE) -> None:
    """A line across the axes, dotted if of the paper, with its words above at a side of it."""
    ax.axvline(x, color=colour, lw=0.8, ls=":" if colour == figures.PUBLISHED else "--", zorder=1)
    align = {-1: "right", 0: "center", 1: "left"}[side]
    place = ax.get_xaxis_transform(), "offset points"
    ax.annotate(words, (x, 1), (3 * side, 2), *place, ha=align, annotation_clip=False)


def prior_sensitivity(
    table: pd.DataFrame,
    *,
    parameter: str,
    used: float | None = None,
    event: str = "founded before diagnosis",
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """What a prior's parameter does to a posterior probability, a line per group or patient.

    Parameters
    ----------
    table : `prior` (the parameter), `timing`, `probability`; may have `patient`, for a line each
        (named if they are few), and `lower` and `upper`. The axis is logarithmic if the parameters
        span a factor of 50
    parameter : its name and unit
    used : its value in the analysis
    event : of which the probability is

    Returns
    -------
    The figure, and the rows of `table` in the order drawn.

    Raises
    ------
    InputError
        If a column is missing, there is no row, or a probability is none.
    """
    shown = needed(table, ("prior", "timing", "probability"), "prior sensitivity")
    if not shown["probability"].between(0, 1).all():
        raise InputError("prior sensitivity: probability must lie between 0 and 1 in every row")
    keys = ["timing", "patient"] if "patient" in shown else ["timing"]
    order = [
        group for group in [*TIMING, *shown["timing"].unique()] if group in set(shown["timing"])
    ]
    rank = shown["timing"].map({group: i for i, group in reversed(list(enumerate(order)))})
    keyed = shown.assign(rank=rank).sort_values(["rank", *keys[1:], "prior"], ignore_index=True)
    shown = keyed.drop(columns="rank")
    figure, ax = canvas(ax, figures.COLUMN, 2.4)
    for _, line in shown.groupby(keys, sort=False):
        (colour,) = set(timing_colours(line["timing"]))
        ax.plot(line["prior"], 100 * line["probability"], color=colour, lw=2.4 - 0.7 * len(keys))
        if {"lower", "upper"} <= set(line):
            span = 100 * line["lower"], 100 * line["upper"]
            ax.fill_between(line["prior"], *span, color=colour, alpha=0.15, lw=0)
    least, most = shown["prior"].min(), shown["prior"].max()
    if least > 0 and most >= 50 * least:
        ax.set_xscale("log")
    ax.set(xlim=(least, most), ylim=(-2, 102), xlabel=parameter, ylabel=f"P({event}), %")
    if used is not None:
        _mark(used, "used", ax)
    ax.set_title(title, pad=6 if used is None else 6 + TEXT)
    last = shown.groupby(keys, sort=False).tail(1)
    by = "patient" if "patient" in shown and len(last) <= NAMED else "timing"
    ends = last.groupby(by, sort=False)
    middle = ends[["prior", "probability"]].median()
    words = [str(name) for name in middle.index]
    if "patient" in shown and by == "timing":
        words = [f"{name} (n = {number})" for name, number in ends.size().items()]
    colours = timing_colours(ends["timing"].first())
    inside = []  # named where they are steep; the others at the right
    for name, word, colour in zip(middle.index, words, colours, strict=True):
        line = shown[shown[by] == name]
        point = line.loc[(line["probability"] - 0.5).abs().idxmin()]
        steep = by == "patient" and abs(point["probability"] - 0.5) < 0.25
        inside.append(steep)
        if steep:
            ax.annotate(
                word, (point["prior"], 100 * point["probability"]), (2, 2), color=colour,
                textcoords="offset points", path_effects=[HALO], fontsize=7,
            )  # fmt: skip
    rest = ~np.array(inside)
    told, shades = (
        [x for x, keep in zip(xs, rest, strict=True) if keep] for xs in (words, colours)
    )
    label_right(told, middle["prior"][rest], 100 * middle["probability"][rest], shades, ax=ax)
    return figure, shown


def reliability_plot(
    bins: pd.DataFrame, *, happened: str = "true", ax: Axes | None = None, title: str = ""
) -> Drawn:
    """Predicted probabilities against what happened, with exact intervals and their numbers.

    Points are larger the more events a bin has, and open where it has fewer than five.

    Parameters
    ----------
    bins : as `signatures.reliability` gives them; may have `timing`, for the colours
    happened : words for what was predicted

    Returns
    -------
    The figure, and `bins`.

    Raises
    ------
    InputError
        If a column is missing, or there is no bin.
    """
    shown = needed(bins, BINS, "bins")
    figure, ax = canvas(ax, figures.COLUMN, 2.8)
    percent = 100 * shown[list(BINS[:4])]
    colours = (
        timing_colours(shown["timing"]) if "timing" in shown else [figures.NEUTRAL[0]] * len(shown)
    )
    ax.axline((0, 0), slope=1, color=LINE, lw=0.8, ls="--", zorder=1)
    sizes = 2.5 + 4.5 * np.sqrt(shown["events"] / shown["events"].max())
    for (_, row), colour, events, size in zip(
        percent.iterrows(), colours, shown["events"], sizes, strict=True
    ):
        x, y = row["predicted"], row["observed"]
        ax.vlines(x, row["lower"], row["upper"], color=colour, lw=1.2, zorder=2)
        face = colour if events >= TINY else "white"
        ax.plot(x, y, "o", mec=colour, mfc=face, ms=size, zorder=3, clip_on=False)
        lift = 2 + (size / 2 if row["upper"] - y < 3 else 0)  # the point may be the upper end
        ax.annotate(
            f"{events:,}", (x, row["upper"]), (0, lift), textcoords="offset points", ha="center",
            color=colour, path_effects=[HALO],
        )  # fmt: skip
    few = f"; open: under {TINY}" if (shown["events"] < TINY).any() else ""
    ax.set(xlabel=f"predicted, % (n above{few})", ylabel=f"{happened}, %\n(95% interval)")
    ax.set(xlim=(-3, 103), ylim=(-3, 110), yticks=range(0, 101, 20))
    ax.set_title(title)
    return figure, shown

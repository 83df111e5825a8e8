"""Growth and timing of relapses: ladders to the day of diagnosis, doubling times, probabilities.

Every function takes tidy tables and gives the figure with the tidy table of what it drew. It draws
into `ax` if it gets one; otherwise it makes a figure of its usual size.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

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

FLOOR = 1e-3  # cells below which a ladder goes no further down
LADDER = ("patient", "timing", "relapse_day", "cells_relapse", "cells_diagnosis", "lower", "upper")
DOUBLING = ("patient", "timing", "doubling_days", "lower", "upper", "samples")
BINS = ("predicted", "observed", "lower", "upper", "events")


def ladder(table: pd.DataFrame, *, ax: Axes | None = None, title: str = "") -> Drawn:
    """Cells of each relapse's clone, followed back from the relapse to the day of diagnosis.

    Straight lines on a logarithmic axis are exponential growth; below one cell, where there was no
    clone yet, they are dotted. Left of day 0 are the cells at diagnosis with their intervals:
    open below one cell, triangles where there are fewer than 0.001.

    Parameters
    ----------
    table : one row per patient: `patient`, `timing`, `relapse_day` (above 0), `cells_relapse`,
        `cells_diagnosis`, and `lower` and `upper` of these (from the interval of the doubling
        time); rows without the day or the cells are left out

    Returns
    -------
    The figure, and the rows of `table` with `drawn` (the height at day 0) and `one_cell_day` (where
    the line meets one cell; missing if there were more at diagnosis).

    Raises
    ------
    InputError
        If a column is missing, there is no patient, or a relapse is not after day 0.

    Source: Li 2020, Blood 135:41, and Sentís 2020, Genome Biol 21:284 (the estimates).
    """
    shown = needed(table, LADDER, "ladder")[list(LADDER)]
    shown = needed(shown.dropna(subset=list(LADDER[2:5])), LADDER, "ladder, without missing cells")
    if not (shown["relapse_day"] > 0).all():
        raise InputError("ladder: relapse_day must be above 0 in every row; leave others out")
    shown = shown.sort_values("cells_diagnosis", ascending=False, ignore_index=True)
    before, after = (np.log(shown[f"cells_{at}"].clip(1e-300)) for at in ("diagnosis", "relapse"))
    crossing = shown["relapse_day"] * -before / (after - before)
    shown["drawn"] = shown["cells_diagnosis"].clip(lower=FLOOR)
    shown["one_cell_day"] = crossing.where(shown["cells_diagnosis"] < 1)
    figure, ax = canvas(ax, figures.COLUMN, 3.2)
    last = float(shown["relapse_day"].max())
    strip = 0.25 * last
    ends = shown[["cells_relapse", "upper"]].to_numpy(float)
    most = float(ends[np.isfinite(ends)].max())
    ax.set(yscale="log", xlim=(-1.08 * strip, 1.04 * last), ylim=(FLOOR / 2, 1e3 * most))
    places = -strip * (np.arange(len(shown)) + 1) / (len(shown) + 1)
    for place, colour, (_, row) in zip(
        places, timing_colours(shown["timing"]), shown.iterrows(), strict=True
    ):
        _rung(row, place, colour, 3 if len(shown) <= 40 else 1.5, ax)
    _ladder_axes(last, ax)
    ax.plot([0, 0], [FLOOR / 2, most], color=LINE, lw=0.6, zorder=1)
    ax.set_title(title)
    _name_groups(shown, ax)
    return figure, shown


def _rung(row: "pd.Series[Any]", place: float, colour: str, size: float, ax: Axes) -> None:
    """Line, ends and interval of one patient; `size` is that of the points."""
    day, relapse, cells = row["relapse_day"], row["cells_relapse"], row["cells_diagnosis"]
    born = row["one_cell_day"] if cells < 1 else 0
    ax.plot([born, day], [max(cells, 1), relapse], color=colour, lw=0.8, zorder=2)
    if cells < 1:
        ax.plot([0, born], [max(cells, 1e-300), 1], ":", color=colour, lw=0.8, zorder=2)
    ax.plot(day, relapse, "o", color=colour, ms=size, zorder=3)
    lower, upper = np.clip([row["lower"], row["upper"]], FLOOR, ax.get_ylim()[1])
    ax.vlines(place, lower, upper, color=colour, lw=size / 3, zorder=2)
    if np.isinf(row["upper"]):
        ax.plot(place, upper, "^", color=colour, ms=size, zorder=3, clip_on=False)
    marker, face = ("v" if cells < FLOOR else "o"), (colour if cells >= 1 else "white")
    ax.plot(place, row["drawn"], marker, mec=colour, mfc=face, ms=size, mew=size / 4, zorder=3)


def _ladder_axes(last: float, ax: Axes) -> None:
    """The one-cell line, and days from 0 on."""
    ax.axhline(1, color=figures.PUBLISHED, lw=0.8, ls="--", zorder=1)
    ax.annotate(
        "one\ncell", (1, 1), (3, 0), ax.get_yaxis_transform(), "offset points", va="center",
        annotation_clip=False,
    )  # fmt: skip
    ax.set_xticks([tick for tick in MaxNLocator(5).tick_values(0, last) if 0 <= tick <= last])
    ax.yaxis.set_major_locator(LogLocator(numticks=8))
    ax.yaxis.set_minor_locator(LogLocator(numticks=1))
    ax.set_ylabel("leukaemia cells of the clone")
    ax.set_xlabel("days since diagnosis\n(left of 0: at diagnosis, with intervals)")


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
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """Doubling time of each patient's relapse with its profile interval, by group of timing.

    Ends of intervals at infinity, or at 0, are arrows.

    Parameters
    ----------
    table : one row per patient: `patient`, `timing`, `doubling_days`, `lower`, `upper`, `samples`
    population : median doubling time of all, days, with its interval; drawn as a band

    Returns
    -------
    The figure, and the rows of `table` in the order drawn.

    Raises
    ------
    InputError
        If a column is missing, or there is no patient.
    """
    shown = needed(table, DOUBLING, "doubling times")
    rank = shown["timing"].map({group: i for i, group in enumerate(TIMING)}).fillna(len(TIMING))
    shown = shown.assign(rank=rank).sort_values(["rank", "doubling_days"], ignore_index=True)
    shown = shown[list(DOUBLING)]
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
        _mark(population.value, f"median {population.value:.1f} d", ax)
    ax.set_title(title, pad=6 if population is None else 6 + TEXT)
    ax.set(xlabel="doubling time, days (95% interval)", ylabel="patient (samples)")
    for group, rows in shown.groupby("timing", sort=False).groups.items():
        ax.annotate(
            str(group), (1, float(np.mean(rows))), (10, 0), ax.get_yaxis_transform(),
            "offset points", color=figures.TIMING.get(str(group), UNKNOWN), weight="bold",
            va="center", annotation_clip=False,
        )  # fmt: skip
    return figure, shown


def _mark(x: float, words: str, ax: Axes) -> None:
    """A dashed line across the axes with its words on top."""
    ax.axvline(x, color=LINE, lw=0.8, ls="--", zorder=1)
    where = ax.get_xaxis_transform()
    ax.annotate(words, (x, 1), (0, 2), where, "offset points", ha="center", annotation_clip=False)


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
    table : `prior` (the parameter), `timing`, `probability`; may have `patient`, for a line each,
        and `lower` and `upper`. The axis is logarithmic if the parameters span a factor of 50
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
    shown = shown.sort_values([*keys, "prior"], ignore_index=True)
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
    ends = shown.groupby(keys, sort=False).tail(1).groupby("timing", sort=False)
    middle = ends[["prior", "probability"]].median()
    words = middle.index.astype(str)
    if "patient" in shown:
        words = words + [f" (n = {number})" for number in ends.size()]
    colours = timing_colours(middle.index.to_series())
    label_right(list(words), middle["prior"], 100 * middle["probability"], colours, ax=ax)
    return figure, shown


def reliability_plot(
    bins: pd.DataFrame, *, happened: str = "true", ax: Axes | None = None, title: str = ""
) -> Drawn:
    """Predicted probabilities against what happened, with exact intervals and their numbers.

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
    colours = timing_colours(shown["timing"]) if "timing" in shown else ["#333333"] * len(shown)
    ax.axline((0, 0), slope=1, color=LINE, lw=0.8, ls="--", zorder=1)
    for (_, row), colour, events in zip(percent.iterrows(), colours, shown["events"], strict=True):
        x, y = row["predicted"], row["observed"]
        ax.vlines(x, row["lower"], row["upper"], color=colour, lw=1.2, zorder=2)
        ax.plot(x, y, "o", color=colour, ms=4, zorder=3, clip_on=False)
        ax.annotate(
            f"{events:,}", (x, row["upper"]), (0, 2), textcoords="offset points", ha="center",
            color=colour, path_effects=[HALO],
        )  # fmt: skip
    ax.set(xlabel="predicted, % (n above)", ylabel=f"{happened}, %\n(95% interval)")
    ax.set(xlim=(-3, 103), ylim=(-3, 110), yticks=range(0, 101, 20))
    ax.set_title(title)
    return figure, shown

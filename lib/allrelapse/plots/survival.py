"""Curves with patients at risk below them, competing events, ratios, and drifting effects."""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from statsmodels.nonparametric.smoothers_lowess import lowess

from allrelapse import figures
from allrelapse.plots.drawing import LINE, TEXT, label_right, needed
from allrelapse.survival import counts_at_risk

TICKS = (0.01, 0.03, 0.1, 0.25, 0.5, 1, 2, 4, 10, 30, 100)
"""Of hazard ratios."""
STYLES = ("-", "--", ":", "-.")
"""Of lines, so that groups are told apart in grey print, too."""


def curves_plot(
    curves: pd.DataFrame,
    *,
    ax: Axes,
    ticks: Sequence[float],
    colours: Mapping[str, str] | None = None,
    names: bool = True,
) -> None:
    """Kaplan-Meier curves with intervals, marks where patients were censored, and who is at risk.

    Parameters
    ----------
    curves : from `survival.kaplan_meier`, times in the unit of the axis
    ticks : times at which patients at risk are counted below; the last one ends the axis
    colours : by group
    names : whether groups are named beside their curves, not only in the table below

    Raises
    ------
    InputError
        If a column is missing, or there is no row.
    """
    columns = ("group", "time", "at_risk", "events", "censored", "survival", "lower", "upper")
    needed(curves, columns, "curves")
    groups = list(dict.fromkeys(curves["group"]))
    shades = _shades(groups, colours)
    ends = []
    for style, (name, part) in zip(cycle(STYLES), curves.groupby("group", sort=False)):
        colour, percent = shades[str(name)], 100 * part[["survival", "lower", "upper"]]
        ax.fill_between(
            part["time"], percent["lower"], percent["upper"], step="post", color=colour, alpha=0.15,
            lw=0,
        )  # fmt: skip
        ax.step(part["time"], percent["survival"], where="post", color=colour, ls=style)
        gone = part["censored"] > 0
        ax.plot(part["time"][gone], percent["survival"][gone], "|", color=colour, ms=4, mew=0.6)
        shown = part["time"] <= ticks[-1]
        ends.append((min(part["time"].iloc[-1], ticks[-1]), percent["survival"][shown].iloc[-1]))
    ax.set(xlim=(0, ticks[-1]), ylim=(0, 102), xticks=ticks)
    _at_risk_below(curves, ticks, shades, ax)
    if names and len(groups) > 1:
        x, y = zip(*ends, strict=True)
        label_right(groups, x, y, [shades[name] for name in groups], ax=ax)


def _shades(groups: Sequence[str], colours: Mapping[str, str] | None) -> dict[str, str]:
    spare = dict(zip(groups, islice(cycle(figures.NEUTRAL), len(groups)), strict=True))
    return spare | dict(colours or {})


def _at_risk_below(
    curves: pd.DataFrame, ticks: Sequence[float], shades: Mapping[str, str], ax: Axes
) -> None:
    """One line of numbers for each group, below the label of the axis."""
    counts = counts_at_risk(curves, ticks)
    place: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
        "fontsize": 7,
    }
    top = -41
    ax.annotate("at risk", (0, 0), (-14, top + TEXT - 1), ha="right", color=LINE, **place)
    for line, (name, row) in enumerate(counts.iterrows()):
        colour, down = shades[str(name)], top - TEXT * line
        if len(counts) > 1:
            ax.annotate(str(name), (0, 0), (-14, down), ha="right", color=colour, **place)
        for when, number in row.items():
            height = down if len(counts) > 1 else top + TEXT - 1
            ax.annotate(f"{number}", (when, 0), (0, height), ha="center", color=colour, **place)


def incidence_plot(
    incidence: pd.DataFrame,
    *,
    ax: Axes,
    until: float,
    top: float = 100,
    colours: Mapping[str, str] = figures.EVENT,
) -> None:
    """Cumulative incidence of competing first events with intervals, each named beside its line.

    Parameters
    ----------
    incidence : of one group, from `survival.cumulative_incidence`
    until : end of the axis of time, in its unit
    top : end of the other axis, per cent

    Raises
    ------
    InputError
        If a column is missing, or there is no row.
    """
    needed(incidence, ("cause", "time", "incidence", "lower", "upper"), "incidence")
    causes = list(dict.fromkeys(incidence["cause"]))
    shades = _shades(causes, colours)
    ends = []
    for style, (name, part) in zip(cycle(STYLES), incidence.groupby("cause", sort=False)):
        shown = part[part["time"] <= until]
        colour, last = shades[str(name)], min(until, part["time"].max())
        time = np.r_[0, shown["time"], last]
        share, lower, upper = (
            100 * np.r_[0, column, column[-1:] if len(column) else 0]
            for column in shown[["incidence", "lower", "upper"]].to_numpy().T
        )
        ax.fill_between(time, lower, upper, step="post", color=colour, alpha=0.15, lw=0)
        ax.step(time, share, where="post", color=colour, ls=style)
        ends.append((last, share[-1]))
    ax.set(xlim=(0, until), ylim=(0, top))
    x, y = zip(*ends, strict=True)
    label_right(causes, x, y, [shades[name] for name in causes], ax=ax)


def ratio_plot(
    table: pd.DataFrame, *, ax: Axes, colours: Sequence[str] | pd.Series | None = None
) -> None:
    """Hazard ratios with intervals on a logarithmic axis, and in numbers beside it.

    Parameters
    ----------
    table : one row per ratio: `label`, `hazard_ratio`, `lower`, `upper`
    colours : one per row

    Raises
    ------
    InputError
        If a column is missing, or there is no row.
    """
    value, lower, upper = columns = ["hazard_ratio", "lower", "upper"]
    needed(table, ("label", *columns), "ratios")
    ax.set_xscale("log")
    about = {"value": value, "lower": lower, "upper": upper, "label": "label"}
    figures.interval_plot(table, **about, ax=ax, colours=colours, null=1)
    finite = table[columns].replace([0, np.inf], np.nan)
    low, high = min(0.8, finite.min().min() / 1.1), max(1.25, finite.max().max() * 1.1)
    ax.set_xlim(low, high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ax.set_xticks(ticks)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ratio_labels(table, value=value, lower=lower, upper=upper, ax=ax)


def ratio_labels(
    table: pd.DataFrame, *, value: str, lower: str, upper: str, ax: Axes, digits: int = 2
) -> None:
    """Estimates with their intervals in numbers, to the right of a plot of intervals.

    Parameters
    ----------
    table : as given to `figures.interval_plot`, whose rows are at 0, 1, ... from the top
    """
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 7}
    for height, row in enumerate(table[[value, lower, upper]].to_numpy(float)):
        point, low, high = (f"{number:.{digits}f}".replace("inf", "∞") for number in row)
        words = f"{point} ({low} to {high})"
        ax.annotate(
            words, (1, height), (6, 0), textcoords="offset points", annotation_clip=False, **place
        )


def drift_plot(residuals: pd.DataFrame, log_hazard: float, *, ax: Axes, colour: str) -> None:
    """Log hazard ratio of a covariate over time: residuals, their smoothed course, and the model.

    Parameters
    ----------
    residuals : of one covariate, from `survival.proportionality`
    log_hazard : that the model has for all times, as a dashed line

    Raises
    ------
    InputError
        If a column is missing, or there is no row.
    """
    found = needed(residuals, ("time", "log_hazard"), "residuals").sort_values("time")
    ax.plot(found["time"], found["log_hazard"], "o", ms=2.5, color=colour, alpha=0.4)
    if len(found) > 3:
        smooth = lowess(found["log_hazard"], found["time"], frac=0.8, it=0)  # none is an outlier
        ax.plot(smooth[:, 0], smooth[:, 1], color=colour)
    ax.axhline(log_hazard, color=LINE, lw=0.8, ls="--")

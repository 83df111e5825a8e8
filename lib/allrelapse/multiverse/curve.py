"""Specification curves: every estimate of a claim in order, and the choices that gave it.

After Simonsohn 2020, Nat Hum Behav 4:1208.
"""

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from allrelapse import claims, figures

VERDICT = {  # colour, sign; Okabe & Ito 2008, and told apart by form, too
    claims.AGREES: ("#0072B2", "o"),
    claims.DIFFERS: ("#D55E00", "X"),
    claims.NOT_AT_HAND: ("#777777", "s"),
}
BAND = "#EFEFEF"
LARGEST = 1e4  # odds ratios beyond it are drawn as infinite
LINE = 0.17  # inches of a line of the dashboard
TOP = 2.1  # inches of the curve
ABOUT = ["claim", "kind", "data", "chain", "usual"]
MEASURED = ["value", "lower", "upper", "n", "truth", "verdict"]


def draw_all(every: pd.DataFrame, labelled: pd.DataFrame, folder: Path) -> None:
    """One figure for each claim and kind, with its table and words, under `folder`/figures.

    Parameters
    ----------
    every : of `run.table`
    labelled : of `run.judged`
    """
    figures.style()
    with _output(folder):
        for (claim, kind), part in every.groupby(["claim", "kind"], sort=False):
            mine = labelled[(labelled["claim"] == claim) & (labelled["kind"] == kind)]
            if len(part) > 1 and len(mine):
                figure, table, alt = specification_curve(part, mine)
                figures.save(figure, f"{claim}-{kind}", table=table, alt=alt)


def specification_curve(
    part: pd.DataFrame, labelled: pd.DataFrame
) -> tuple[Figure, pd.DataFrame, str]:
    """The curve of one claim and kind of evidence, over all its data sets.

    Returns
    -------
    The figure, the table behind it in the order in which it is drawn, and its alt text.
    """
    row = claims.published_claim(str(part["claim"].iloc[0]))
    table = part.sort_values(["value", "lower"], kind="stable").reset_index(drop=True)
    lines = _options(table)
    height = TOP + LINE * len(lines) + 1.1
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(figures.PAGE, height), sharex=True,
        height_ratios=[TOP, max(LINE * len(lines), LINE)],
    )  # fmt: skip
    _estimates(top, table, row)
    _dashboard(below, table, lines)
    found = _finding(labelled)
    words = textwrap.fill(str(row["statement"]), 92)
    words += f"\n{table['kind'].iloc[0]}: {found}"
    figure.suptitle(words, x=0.01, ha="left", fontsize=9, weight="bold")
    _legend(figure, table)
    alt = f"{len(table)} estimates in order, with intervals and the choices of each. {found}."
    shown = table.dropna(axis="columns", how="all").assign(place=table.index + 1)
    return figure, shown, alt


def _finding(labelled: pd.DataFrame) -> str:
    """What the label says, for one data set; for several how many have which."""
    if len(labelled) == 1:
        one = labelled.iloc[0]
        return f"“{one['verdict']}” is {one['words']}"
    counts = labelled["label"].replace("", "without a label").value_counts()
    tally = ", ".join(f"{number} {label}" for label, number in counts.items())
    return f"of {len(labelled)} data sets {tally}"


def _options(table: pd.DataFrame) -> list[tuple[str, str]]:
    """The lines of the dashboard: choice and value, data sets first if there are several."""
    names = [str(n) for n in table if n not in (*ABOUT, *MEASURED)]
    names = (["data"] if len(table["data"].unique()) > 1 else []) + names
    lines = []
    for name in names:
        values = [str(v) for v in table[name].dropna().unique()]
        if len(values) > 1:
            # the usual one first
            usual = [str(v) for v in table[table["usual"]][name].dropna().unique()]
            rest = sorted((v for v in values if v not in usual), key=_in_order)
            ordered = usual + rest if name != "data" else sorted(values)
            lines += [(name, value) for value in ordered]
    return lines


def _in_order(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return np.inf, text


def _estimates(ax: Axes, table: pd.DataFrame, row: pd.Series) -> None:
    """Values with intervals, what was planted or published, and the usual specification."""
    ratio = row["unit"] == "odds ratio"
    has_interval = bool(table["lower"].notna().any())
    if ratio:
        ax.set_yscale("log")
    finite = table[["value", "lower", "upper"]].to_numpy(float)
    finite = finite[np.isfinite(finite) & ((finite > 0) | (not ratio)) & (np.abs(finite) < LARGEST)]
    top = finite.max() * (3 if ratio else 1) if finite.size else 1.0
    if not ratio and has_interval:  # a few long intervals must not hide all others
        usual_end = 2 * float(table["upper"].quantile(0.7))
        top = min(top, max(usual_end, float(table["value"].max()), table["truth"].fillna(0).max()))
    bottom = finite.min() / (3 if ratio else 1) if finite.size else 0.0
    x = table.index.to_numpy() + 1
    width = float(np.clip(120 / len(table), 0.5, 2))
    for verdict, (colour, sign) in VERDICT.items():
        mine = (table["verdict"] == verdict).to_numpy()
        low = table["lower"].clip(bottom, top)[mine]
        high = table["upper"].clip(bottom, top)[mine]
        ax.vlines(x[mine], low, high, color=colour, lw=width, alpha=0.4, zorder=1)
        value = table["value"].clip(bottom, top)[mine]
        size = float(np.clip(2500 / len(table), 5, 22))
        ax.scatter(x[mine], value, size, colour, marker=sign, lw=0, zorder=3, clip_on=False)
    far = (table["upper"] > top).to_numpy()
    ax.scatter(x[far], np.full(far.sum(), top), 8, "#777777", marker="^", lw=0, zorder=2)
    usual = table["usual"].to_numpy()
    near = table["value"].clip(bottom, top)[usual]
    ax.scatter(x[usual], near, 60, "none", edgecolor=figures.PUBLISHED, lw=1, zorder=4)
    planted = table["truth"].to_numpy(float)
    known = ~np.isnan(planted)
    ax.scatter(x[known], planted[known], 30, figures.PUBLISHED, marker="_", lw=1, zorder=2)
    if not known.any() and pd.notna(row["value"]):
        ax.axhline(row["value"], color=figures.PUBLISHED, lw=0.8, zorder=1)
    unit = row["unit"] if isinstance(row["unit"], str) else "% of relapses"
    ax.set_ylabel(f"{unit}\n(interval)" if has_interval else unit)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(0, len(table) + 1)
    if ratio:
        ax.yaxis.set_major_formatter("{x:g}")
    elif not has_interval:  # a count
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    if np.isinf(table["value"]).any():
        about = ax.get_yaxis_transform()
        ax.text(1.01, top, "∞", transform=about, va="center")


def _dashboard(ax: Axes, table: pd.DataFrame, lines: list[tuple[str, str]]) -> None:
    """Which choices gave each estimate; beside each, in how many the usual verdict is kept."""
    x = table.index.to_numpy() + 1
    colours = table["verdict"].map(lambda verdict: VERDICT[verdict][0]).to_numpy()
    same = _keeps(table)
    size = float(np.clip(1800 / len(table), 4, 20))
    shade, before, labels = False, "", []
    for y, (name, value) in enumerate(lines):
        shade = shade != (name != before)
        if shade:
            ax.axhspan(y - 0.5, y + 0.5, color=BAND, lw=0, zorder=0)
        mine = (table[name].astype(str) == value).to_numpy()
        ax.scatter(x[mine], np.full(mine.sum(), y), size, colours[mine], marker="|", lw=0.9)
        words = f"{same[mine].sum()} of {mine.sum()}"
        ax.text(1.01, y, words, transform=ax.get_yaxis_transform(), va="center", fontsize=7)
        shown = {"True": "yes", "False": "no"}.get(value, value)
        first = name not in ("data", before)
        labels.append(f"{name.replace('_', ' ')}: {shown}" if first else shown)
        before = name
    ax.text(1.01, -0.9, "keep it", transform=ax.get_yaxis_transform(), va="center", fontsize=7)
    ax.set_yticks(range(len(lines)), labels, fontsize=7)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(
        f"{len(table)} specifications, by value (ring: as in the notebook; triangle: goes on)"
    )
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def _keeps(table: pd.DataFrame) -> np.ndarray:
    """Which specifications have the verdict of the usual one of their data set."""
    usual = table[table["usual"]].drop_duplicates("data").set_index("data")["verdict"]
    return (table["data"].map(usual) == table["verdict"]).to_numpy()


def _legend(figure: Figure, table: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], ls="", marker=sign, color=colour, ms=4, label=verdict)
        for verdict, (colour, sign) in VERDICT.items()
        if (table["verdict"] == verdict).any()
    ]
    planted = table["truth"].notna().any()
    if planted:
        mark = Line2D([], [], color=figures.PUBLISHED, marker="_", ls="", ms=7, label="planted")
    else:
        mark = Line2D([], [], color=figures.PUBLISHED, lw=0.8, label="published")
    handles.append(mark)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


@contextmanager
def _output(folder: Path) -> Iterator[None]:
    """Let `figures.save` write into a folder."""
    before = os.environ.get("ALLRELAPSE_OUTPUT")
    os.environ["ALLRELAPSE_OUTPUT"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["ALLRELAPSE_OUTPUT"]
        else:
            os.environ["ALLRELAPSE_OUTPUT"] = before

"""Mutations along a protein, and by the share of cells that carry them."""

import re
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETUP
from matplotlib.ticker import MaxNLocator

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.plots.drawing import HALO, LINE, name_points, size_in_points, with_gaps

LIMIT = 1.5  # of a fraction of cells: noise takes estimates above 1
RESIDUE = re.compile(r"(?:^|p\.)\(?(?:[A-Z*]|[A-Z][a-z]{2})(\d+)")


def protein_position(change: object) -> int | None:
    """Number of the first residue that a protein change names; None if it names none.

    Examples
    --------
    >>> protein_position("p.R367Q"), protein_position("p.Arg367Gln"), protein_position("p.?")
    (367, 367, None)
    """
    found = RESIDUE.search(change) if isinstance(change, str) else None
    return int(found[1]) if found else None


def lollipop(
    sites: pd.DataFrame,
    *,
    length: int,
    ax: Axes,
    title: str,
    known: Collection[str] = (),
    labelled: int = 8,
) -> pd.DataFrame:
    """Patients with each change of a protein, along it; heads are moved apart, stems lean.

    Artists have labels for a legend, which is left to the caller.

    Parameters
    ----------
    sites : one row per mutation of one gene: `patient`, `protein` (such as p.R367Q), `when` (a key
        of `figures.WHEN`); those without a position
        in the protein (as of another isoform) are counted below the axis
    length : of the protein, amino acids
    known : protein changes, the positions of which are marked below the axis
    labelled : how many of the changes in two patients or more are named, the commonest first

    Returns
    -------
    What was drawn: `position`, `protein`, `when`, `patients`, and `known`, whether a known change
    has the same position.

    Raises
    ------
    InputError
        If `when` is another word.
    """
    table = _recurrence(sites, length, labelled)
    lost = int((~(pd.to_numeric(sites["protein"].map(protein_position)) <= length)).sum())
    ax.set(xlabel=f"amino acid ({lost} not placed)" if lost else "amino acid", ylabel="patients")
    ax.set_title(title)
    _protein_axis(table, length, ax)
    recurrent = (table["patients"] > 1).to_numpy()
    feet = table["position"].to_numpy(float)
    heads, point = feet.copy(), length / size_in_points(ax)[0]
    for part, gap in ((recurrent, 11), (~recurrent, 2)):  # names must not touch, lone heads may
        heads[part] = with_gaps(feet[part], gap * point, 0, length)
    ends = np.vstack([np.zeros(len(table)), table["patients"]])
    ax.plot(np.vstack([feet, heads]), ends, color=LINE, lw=0.8, zorder=2)
    for when, colour in figures.WHEN.items():
        part = (table["when"] == when).to_numpy()
        face = "white" if when == "diagnosis only" else colour
        at = heads[part], table.loc[part, "patients"]
        ax.scatter(*at, 22, face, edgecolor=colour, label=when, zorder=3, clip_on=False)
    for words, x, y in zip(table["label"], heads, table["patients"], strict=True):
        if words:
            ax.annotate(
                words, (x, y), (0, 5), textcoords="offset points", rotation=90, ha="center",
                va="bottom", path_effects=[HALO],
            )  # fmt: skip
    return _mark_known(table.drop(columns="label"), known, ax)


def ccf_scatter(table: pd.DataFrame, *, ax: Axes) -> None:
    """Share of the tumour cells with each mutation of a patient, at diagnosis and at relapse.

    What is seen in one sample alone lies on an axis, as an open symbol; estimates above 1.5 are
    drawn at 1.5. Artists have labels for a legend, which is left to the caller.

    Parameters
    ----------
    table : one row per mutation: `diagnosis`, `relapse` (fractions of the tumour cells, 0 if not
        seen), `gene` (named drivers, else missing); rows without both fractions, or seen in
        neither, are left out
    """
    shown = table.dropna(subset=["diagnosis", "relapse"])
    shown = shown[(shown["diagnosis"] > 0) | (shown["relapse"] > 0)]
    x, y = (shown[stage].clip(upper=LIMIT) for stage in ("diagnosis", "relapse"))
    when = np.select([x == 0, y == 0], ["relapse only", "diagnosis only"], "shared")
    named = shown["gene"].notna().to_numpy()
    for name, colour in figures.WHEN.items():
        part = when == name
        about: dict[str, Any] = {"facecolor": colour if name == "shared" else "none"}
        about |= {"clip_on": False, "zorder": 3, "label": f"{name} (n = {part.sum():,})"}
        ax.scatter(x[part], y[part], 14, edgecolor=colour, alpha=0.5, **about)
    ax.scatter(x[named], y[named], 20, "none", edgecolor="black", clip_on=False, zorder=4)
    name_points(x[named], y[named], shown.loc[named, "gene"], LIMIT, ax)
    for line in (ax.axhline, ax.axvline):
        line(1, color=LINE, lw=0.8, ls="--", zorder=1)
    ax.set(xlim=(0, LIMIT), ylim=(0, LIMIT), box_aspect=1)
    ax.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    beyond = (shown[["diagnosis", "relapse"]] > LIMIT).any(axis=None)
    note = f"\n(at the edge: {LIMIT:g} or more)" if beyond else ""
    ax.set(xlabel=f"fraction of cells at diagnosis{note}", ylabel="fraction of cells at relapse")


def when_legend(figure: Figure) -> None:
    """What the colours of mutations say, below the figure."""
    handles = [
        Line2D(
            [], [], lw=0, marker="o", ms=5, mec=colour, label=when,
            mfc="white" if when == "diagnosis only" else colour,
        )
        for when, colour in figures.WHEN.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _recurrence(sites: pd.DataFrame, length: int, labelled: int) -> pd.DataFrame:
    """Patients by position, change and when it is seen; the commonest recurrent ones named."""
    position = pd.to_numeric(sites["protein"].map(protein_position))
    if not sites["when"].isin(list(figures.WHEN)).all():
        raise InputError(f"when must be one of {', '.join(figures.WHEN)}")
    position = position.where(position <= length)
    placed = sites.assign(position=position).dropna(subset=["position"])
    counts = placed.groupby(["position", "protein", "when"])["patient"].nunique()
    table = counts.reset_index(name="patients").assign(label="")
    named = table[table["patients"] > 1].sort_values("patients", ascending=False, kind="stable")
    named = named.head(labelled)
    table.loc[named.index, "label"] = named["protein"].str.removeprefix("p.")
    return table


def _protein_axis(table: pd.DataFrame, length: int, ax: Axes) -> None:
    """Amino acids below, whole patients on the left, room for the labels on top."""
    top = int(table["patients"].max()) if len(table) else 1
    ticks = MaxNLocator(4, integer=True).tick_values(0, top)
    ax.set_yticks([tick for tick in ticks if tick <= top])
    ax.tick_params(axis="x", pad=6)
    height = 0.85 * size_in_points(ax)[1]  # a legend that comes later takes some
    text = 6 * table["label"].str.len().max() + 6 if len(table) else 0
    ax.set(xlim=(0, length), ylim=(0, top * height / max(height - text, height / 3)))


def _mark_known(table: pd.DataFrame, changes: Collection[str], ax: Axes) -> pd.DataFrame:
    """Positions of known changes, between the axis and its numbers; which of the table's are."""
    marks = sorted({place for change in changes if (place := protein_position(change))})
    if marks:
        ax.plot(
            marks, np.zeros(len(marks)), color=figures.PUBLISHED, lw=0, marker=CARETUP, ms=4,
            clip_on=False, label="known hot spot", zorder=4,
        )  # fmt: skip
    return table.assign(known=table["position"].isin(marks))

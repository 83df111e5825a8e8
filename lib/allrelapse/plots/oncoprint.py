"""Which genes are hit in which patients, beside what is known of each patient."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerPatch
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from allrelapse import figures
from allrelapse.data import published
from allrelapse.data.published import TIMING
from allrelapse.errors import InputError
from allrelapse.plots.drawing import LINE, size_in_points

KINDS = ("missense", "truncating", "deletion", "other")
EMPTY, DARK = "#EBEBEB", "#222222"  # nothing there; marks and "yes"
WIDE, TALL = 0.84, 0.9  # of a cell, in patients and genes
TICKS = (0, 1, 10, 100, 1000, 10_000, 100_000)
Key = dict[str, dict[str, Any]]  # of a legend: heading, words, what is drawn beside them


def oncoprint_order(
    hits: pd.DataFrame,
    patients: pd.DataFrame,
    by: str | None = "timing",
    *,
    genes: Sequence[str] = tuple(published.GENES),
) -> pd.DataFrame:
    """Patients in the order of an oncoprint: by group, then those with the commonest gene first.

    Parameters
    ----------
    hits, genes : as for `oncoprint`
    patients : indexed by patient
    by : column of groups, those of timing in their order, missing ones last; None for one group

    Returns
    -------
    The rows of `patients`; ties keep their order.
    """
    shown = _shown(hits, patients, genes)
    found = pd.crosstab(shown["patient"], shown["gene"]) > 0
    found = found.reindex(patients.index, fill_value=False)
    order = pd.DataFrame({gene: ~found[gene] for gene in _ranked(shown, genes) if gene in found})
    if by is not None:
        groups = sorted(patients[by].dropna().unique(), key=_rank)
        ranks = patients[by].map({group: i for i, group in enumerate(groups)})
        order.insert(0, by, ranks.astype(float).fillna(len(groups)))
    if order.empty:
        return patients
    keys = [order[column].to_numpy() for column in reversed(order.columns)]
    return patients.iloc[np.lexsort(keys)]


def oncoprint(
    hits: pd.DataFrame,
    patients: pd.DataFrame,
    *,
    figure: Figure,
    tracks: Mapping[str, pd.Series] | None = None,
    genes: Sequence[str] = tuple(published.GENES),
) -> dict[str, Axes]:
    """Which genes are hit in which patients and when, beside what is known of each patient.

    Full height is clonal or not known. Several mutations of a gene in one patient share its cell.

    Parameters
    ----------
    hits : one row per mutation: `patient`, `gene`, `when` (a key of `figures.WHEN`), `clonality`
        (`clonal`, `subclonal` or missing), `kind` (one of `KINDS`); other patients and genes are
        left out
    patients : indexed by patient, in the order to draw; may have `timing`, and `burden`, the
        number of mutations at relapse only
    figure : empty
    tracks : by name (with its unit), a value per patient: true or false, a number from 0 on, or
        one of a few words; missing ones are drawn as dashes
    genes : rows, also those without a hit; the commonest is drawn first

    Returns
    -------
    The axes: `burden`, `cells`, `genes`, `timing` and those of the tracks.

    Raises
    ------
    InputError
        If there is no patient, one is twice, or a table has values that cannot be drawn.
    """
    if not len(patients) or not patients.index.is_unique:
        raise InputError("an oncoprint needs patients, each of them once")
    shown = _shown(hits, patients, genes)
    rows = _ranked(shown, genes)
    strips = {"timing": patients["timing"]} if "timing" in patients else {}
    strips |= {name: values.reindex(patients.index) for name, values in (tracks or {}).items()}
    place = _places(patients)
    axes, free = _axes(figure, [*strips], len(rows), place, burden="burden" in patients)
    key = _draw_hits(shown, place, rows, axes["cells"])
    _gene_bars(shown, rows, len(patients), axes, free)
    if "burden" in patients:
        _burden_bars(patients["burden"].astype(float), place, axes["burden"])
    for name, values in strips.items():
        key |= _draw_track(name, values, place, axes[name])
    if any(values.isna().any() for values in (*strips.values(), patients.get("burden", place))):
        key["tracks"] = key.get("tracks", {}) | {"not known": _dash()}
    _name_patients(place, axes[["cells", *strips][-1]])
    _legend(figure, key)
    return axes


def _shown(hits: pd.DataFrame, patients: pd.DataFrame, genes: Sequence[str]) -> pd.DataFrame:
    """The hits that are drawn, sorted, after a look at their words."""
    right = hits["when"].isin(list(figures.WHEN)) & hits["kind"].isin(KINDS)
    right &= hits["clonality"].isna() | hits["clonality"].isin(["clonal", "subclonal"])
    if not right.all():
        raise InputError(f"an oncoprint cannot draw {hits[~right].iloc[0].to_dict()}")
    wanted = hits["patient"].isin(patients.index) & hits["gene"].isin(list(genes))
    return hits[wanted].sort_values(["patient", "gene", "when", "kind"], kind="stable")


def _ranked(shown: pd.DataFrame, genes: Sequence[str]) -> list[str]:
    """Genes by the number of patients with a hit, else in the order given."""
    counts = shown.groupby("gene")["patient"].nunique().to_dict()
    return sorted(genes, key=lambda gene: -counts.get(gene, 0))


def _rank(group: str) -> tuple[int, str]:
    """Where a group stands among others: timing in its order, other words by the alphabet."""
    return (TIMING.index(group), "") if group in TIMING else (len(TIMING), str(group))


def _places(patients: pd.DataFrame) -> "pd.Series[float]":
    """Where each patient is drawn, with gaps between groups of timing if they lie together."""
    place = pd.Series(np.arange(len(patients), dtype=float), patients.index)
    if "timing" in patients:
        group = patients["timing"].astype(object).where(patients["timing"].notna(), "not known")
        starts = group.ne(group.shift()).cumsum() - 1
        if starts.iloc[-1] == group.nunique() - 1:
            place += starts * (0.2 + len(patients) / 100)
    return place


def _axes(
    figure: Figure, strips: list[str], genes: int, place: "pd.Series[float]", *, burden: bool
) -> tuple[dict[str, Axes], float]:
    """Axes below each other, and the width in inches that is left beside the cells."""
    heights = {"burden": 2 + genes / 8} if burden else {}
    heights |= {"cells": float(genes)} | dict.fromkeys(strips, 0.8)
    body = figure.get_figwidth() - 1.0  # without the names on the left
    width = min(body - 1.2, 0.3 * len(place))
    figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.05, hspace=0, wspace=0)
    axes = figure.subplot_mosaic(
        [[name, "genes" if name == "cells" else "."] for name in heights],
        height_ratios=list(heights.values()),
        width_ratios=[width, body - width],
    )
    for name, ax in axes.items():
        ax.spines[:].set_visible(False)
        ax.tick_params(left=False)
        ax.set_xticks([])
        if name != "genes":
            ax.set_xlim(place.iloc[0] - 0.6, place.iloc[-1] + 0.6)
    return axes, body - width


def _glyph(
    when: str, kind: str, left: float, bottom: float, width: float, height: float
) -> tuple[Rectangle, ...]:
    """The filled part of a cell and what marks the kind of mutation on it."""
    colour = figures.WHEN[when]
    hollow = when == "diagnosis only"
    face = "white" if hollow else colour
    fill = Rectangle((left, bottom), width, height, fc=face, ec=colour, lw=0.8 if hollow else 0)
    middle = bottom + 0.35 * height, 0.3 * height
    if kind == "truncating":
        return fill, Rectangle((left, middle[0]), width, middle[1], fc=DARK, lw=0)
    if kind == "deletion":
        return fill, Rectangle((left, bottom), width, height, fc="none", ec=DARK, lw=0.9)
    if kind == "other":
        part = left + 0.3 * width, 0.4 * width
        return fill, Rectangle((part[0], middle[0]), part[1], middle[1], fc=DARK, lw=0)
    return (fill,)


def _draw_hits(shown: pd.DataFrame, place: "pd.Series[float]", rows: list[str], ax: Axes) -> Key:
    """Grey cells, and on them the mutations; returns what the legend must explain."""
    for y in range(len(rows)):
        cells = [(x - WIDE / 2, WIDE) for x in place]
        ax.broken_barh(cells, (y - TALL / 2, TALL), color=EMPTY, lw=0)
    cell = shown.groupby(["patient", "gene"])["when"]
    width = WIDE / cell.transform("size").to_numpy(float)
    left = place[shown["patient"]].to_numpy() - WIDE / 2 + width * cell.cumcount().to_numpy()
    words = (shown[column] for column in ("gene", "when", "kind", "clonality"))
    for gene, when, kind, clonality, x, wide in zip(*words, left, width, strict=True):
        y, half = rows.index(gene), clonality == "subclonal"
        bottom, tall = (y, TALL / 2) if half else (y - TALL / 2, TALL)
        for patch in _glyph(when, kind, x, bottom, wide, tall):
            ax.add_patch(patch)
            patch.set_clip_path(patch)  # an edge stays inside the cell, half of it is seen
            patch.set_linewidth(2 * patch.get_linewidth())
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    usual = "relapse only"
    change: dict[str, Any] = {
        kind: _glyph(usual, kind, 0, 0, 1, 1) for kind in KINDS if (shown["kind"] == kind).any()
    }
    if (shown["clonality"] == "subclonal").any():
        change["subclonal"] = _glyph(usual, "missense", 0, 0, 1, 0.5)
    seen: dict[str, Any] = {when: _glyph(when, "missense", 0, 0, 1, 1) for when in figures.WHEN}
    return {"mutation seen": seen} | ({"change": change} if change else {})


def _gene_bars(
    shown: pd.DataFrame, rows: list[str], patients: int, axes: Mapping[str, Axes], free: float
) -> None:
    """How many patients have a hit in each gene; bars of at most half an inch."""
    ax = axes["genes"]
    counts = shown.groupby("gene")["patient"].nunique().reindex(rows, fill_value=0)
    ax.barh(range(len(rows)), counts, 0.7, color=LINE)
    for y, count in enumerate(counts):
        text = f"{count} ({100 * count / patients:.0f} %)" if count else "0"
        ax.annotate(text, (count, y), (3, 0), textcoords="offset points", va="center")
    ax.set(xlim=(0, max(counts.max(), 1) * free / 0.5), yticks=[])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    words = ax.annotate("patients", (0, 1), (0, 2), "axes fraction", textcoords="offset points")
    words.set_in_layout("burden" not in axes)  # else there is room beside the bars on top


def _burden_bars(burden: "pd.Series[float]", place: "pd.Series[float]", ax: Axes) -> None:
    """Mutations at relapse only, logarithmic from 1 on."""
    ax.bar(place, burden.fillna(0), WIDE, color=figures.WHEN["relapse only"], lw=0)
    ax.set_yscale("symlog", linthresh=1)
    top = max(1.0, burden.fillna(0).max())
    ticks = [tick for tick in TICKS if tick <= top]
    ax.set_yticks(ticks[:: 2 if len(ticks) > 4 else 1])
    ax.set_ylim(0, 1.1 * top)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.tick_params(left=True)
    ax.spines["left"].set_visible(True)
    ax.set_ylabel("mutations at\nrelapse only\n(log scale)", rotation=0, ha="right", va="center")
    _dashes(place[burden.isna()], 0.06, ax)


def _draw_track(name: str, values: pd.Series, place: "pd.Series[float]", ax: Axes) -> Key:
    """One value per patient as colour; returns what the legend must explain."""
    values = values.astype(object)
    known = values.dropna().infer_objects()
    colours, words = _shades(name, known)
    ax.bar(place[known.index], 1, WIDE, color=colours, edgecolor="#BBBBBB", lw=0.3)
    _dashes(place[values.isna()], 0.5, ax)
    ax.set(ylim=(-0.1, 1.1))
    ax.set_yticks([0.5], [name])
    return {"tracks" if set(words) == {"yes", "no"} else name: _patches(words)} if words else {}


def _shades(name: str, known: pd.Series) -> tuple[list[str], dict[str, str]]:
    """Colour of each value of a track, and what colours mean."""
    if pd.api.types.is_bool_dtype(known):
        return [DARK if value else EMPTY for value in known], {"yes": DARK, "no": EMPTY}
    if pd.api.types.is_numeric_dtype(known):
        if (known < 0).any():
            raise InputError(f"track {name!r} has negative numbers, but white is zero")
        steps = MaxNLocator(2).tick_values(0, known.max() or 1)
        words = {f"{step:g}": to_hex(figures.SEQUENTIAL(step / steps[-1])) for step in steps}
        return [to_hex(figures.SEQUENTIAL(value / steps[-1])) for value in known], words
    levels = sorted(known.unique(), key=_rank)
    palette = next((p for p in (figures.TIMING, figures.LINEAGE) if set(levels) <= set(p)), None)
    if palette is None:
        most = len(figures.NEUTRAL)
        if len(levels) > most:
            raise InputError(f"track {name!r} has {len(levels)} levels; join all but {most}")
        palette = dict(zip(levels, figures.NEUTRAL, strict=False))
    counts = known.value_counts()
    words = {f"{level} ({counts[level]})": palette[level] for level in levels}
    return [palette[value] for value in known], words


def _patches(words: Mapping[str, str]) -> dict[str, Any]:
    """Squares of a legend."""
    return {
        word: Rectangle((0, 0), 1, 1, fc=colour, ec="#BBBBBB", lw=0.3)
        for word, colour in words.items()
    }


def _dash() -> Line2D:
    """How a missing value looks in the legend."""
    return Line2D([], [], color=LINE, lw=0, marker="_", ms=4)


def _dashes(place: "pd.Series[float]", height: float, ax: Axes) -> None:
    """A dash for each patient without a value, at a height in fractions of the axis."""
    where = ax.get_xaxis_transform()
    ax.plot(place, [height] * len(place), "_", ms=2.5, color=LINE, transform=where)


def _name_patients(place: "pd.Series[float]", lowest: Axes) -> None:
    """Names below the lowest axes if text of 8 points has the room, else their number alone."""
    if size_in_points(lowest)[0] / len(place) >= 10:
        lowest.set_xticks(place, place.index.astype(str), rotation=90)
        lowest.tick_params(bottom=False)
    lowest.set_xlabel(f"patients (n = {len(place)})")


def _legend(figure: Figure, key: Key) -> None:
    """Below the figure, each heading with its entries, where a column is shortest."""
    across = min(len(key), max(int(figure.get_figwidth() / 1.4), 1))
    columns: list[list[tuple[str, Any]]] = [[] for _ in range(across)]
    blank = Line2D([], [], lw=0)
    for heading, entries in key.items():
        shortest = min(columns, key=len)
        shortest += [("", blank)] * bool(shortest) + [(heading, blank), *entries.items()]
    longest = max(map(len, columns))
    for column in columns:
        column += [("", blank)] * (longest - len(column))
    words, handles = zip(*(entry for column in columns for entry in column), strict=True)
    legend = figure.legend(
        handles, words, ncols=across, loc="outside lower left", handlelength=0.9, handleheight=1,
        columnspacing=1.2, handler_map={Rectangle: HandlerPatch(patch_func=_swatch)},
    )  # fmt: skip
    for text in legend.get_texts():
        if text.get_text() in key:
            text.set_fontweight("bold")


def _swatch(
    *,
    orig_handle: Patch,
    width: float,
    height: float,
    xdescent: float,
    ydescent: float,
    **_: object,
) -> Rectangle:
    """The rectangle of a legend, which is given in fractions of the space there."""
    assert isinstance(orig_handle, Rectangle)
    x, y = orig_handle.get_xy()
    across, up = orig_handle.get_width() * width, orig_handle.get_height() * height
    return Rectangle((x * width - xdescent, y * height - ydescent), across, up)

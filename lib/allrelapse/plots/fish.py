"""Clones over time, each inside the one that it comes from: the Muller or fish plot.

`fish` takes tidy tables and gives the figure with the tidy table of what it drew. It draws into
`ax` if it gets one; otherwise it makes a figure of its usual size.
"""

from collections.abc import Mapping
from typing import Literal

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.plots.clones import clone_colours
from allrelapse.plots.drawing import (
    TEXT,
    Drawn,
    Floats,
    canvas,
    legend_below,
    phase_band,
    size_in_points,
    text_width,
)

Scale = Literal["log", "share"]
Parents = Mapping[str, str | None]
THIN = 1e-3  # of the height: thinner areas would be lines


def fish(
    cells: pd.DataFrame,
    parents: Parents,
    phases: pd.DataFrame | None = None,
    *,
    own: bool = False,
    scale: Scale = "log",
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """Clones over time as areas, each inside the one that it comes from (Muller or fish plot).

    On the scale `log` the height of the whole is the logarithm of all cells, as the axis says;
    inside, a clone's height is divided among its own cells and its children by the logarithm of 1 +
    cells, so that few cells are seen, but areas are no shares. On the scale `share` they are.

    Parameters
    ----------
    cells : days (index) x clones, cells that carry the mutations of each clone, or if `own` cells
        that carry these and those of no child
    parents : parent of each clone, None (or missing) for the one that all descend from
    phases : of therapy, `name`, `start`, `end` in days, drawn below
    colours : of the clones, else `clone_colours`

    Returns
    -------
    The figure, and one row per clone and day: `day`, `clone`, `parent`, `carrying`, `own` (cells),
    `bottom`, `top` (the area; log10(1 + cells), or shares).

    Raises
    ------
    InputError
        If there are no cells, days are not in order, the clones are not one family, or children
        have more cells than their parent.
    """
    family = _family(cells, parents)
    carrying, single = _nested(cells, family, own)
    areas: dict[str, tuple[Floats, Floats]] = {}
    root = next(iter(family))
    total = carrying[root].to_numpy()
    height = np.log10(1 + total) if scale == "log" else (total > 0).astype(float)
    _stack(root, 0 * height, height, family, (carrying, single), scale, areas)
    alone = ax is None
    figure, ax = canvas(ax, figures.COLUMN, 2.6)
    shades = clone_colours(cells.columns) if colours is None else colours
    days = carrying.index.to_numpy(float)
    for clone, (bottom, top) in areas.items():  # children come after their parents
        seen = top - bottom > THIN * height.max()
        seen = seen | np.r_[seen[1:], False] | np.r_[False, seen[:-1]]
        about = {"where": seen, "fc": shades[clone], "lw": 0.4, "ec": "white"}
        ax.fill_between(days, bottom, top, **about, label=clone)
    ax.set(xlim=(days[0], days[-1]), xlabel="days since diagnosis")
    ax.set_title(title)
    foot = 0.0 if phases is None else 3 + phase_band(phases, ax=ax, under=True)
    size = size_in_points(ax)
    _fish_axis(scale, float(height.max()), foot / size[1], ax)
    left = _name_areas(days, areas, family, shades, size, ax)
    if left:
        legend_below(ax, alone=alone, handles=left)
        _fish_axis(scale, float(height.max()), foot / size_in_points(ax)[1], ax)  # it took room
    rows = [
        carrying.index.to_frame(index=False, name="day").assign(
            clone=clone, parent=parents.get(clone), carrying=carrying[clone].to_numpy(),
            own=single[clone].to_numpy(), bottom=bottom, top=top,
        )
        for clone, (bottom, top) in areas.items()
    ]  # fmt: skip
    return figure, pd.concat(rows, ignore_index=True)


def _family(cells: pd.DataFrame, parents: Parents) -> dict[str, list[str]]:
    """Children of each clone, parents before children."""
    if len(cells) < 2 or not (cells >= 0).all(axis=None) or not (cells > 0).any(axis=None):
        raise InputError("cells: numbers from 0 on, not all 0, on two days or more are needed")
    if not cells.index.is_monotonic_increasing or not cells.index.is_unique:
        raise InputError("cells: the index must be days, each once and in order; sort the rows")
    tree = nx.DiGraph()
    tree.add_nodes_from(cells.columns)
    for clone in cells.columns:
        parent = parents.get(clone)
        if isinstance(parent, str):
            tree.add_edge(parent, clone)
    strange = sorted(set(tree) - set(cells.columns))
    if strange:
        raise InputError(f"parents: {', '.join(strange)} has no column in cells; add it")
    if not nx.is_arborescence(tree):
        roots = [clone for clone in tree if tree.in_degree(clone) == 0]
        raise InputError(
            f"parents: {len(roots)} clones without a parent, of {len(tree)}; all must descend from "
            "one, and none from itself"
        )
    return {clone: list(tree.successors(clone)) for clone in nx.topological_sort(tree)}


def _nested(
    cells: pd.DataFrame, family: Mapping[str, list[str]], own: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells that carry each clone's mutations, and those of them that belong to no child."""
    carrying, alone = cells.astype(float), cells.astype(float)
    for clone in reversed(list(family)):
        below = carrying[family[clone]].sum(axis=1)
        if own:
            carrying[clone] = alone[clone] + below
            continue
        alone[clone] = carrying[clone] - below
        excess = alone[clone] < -1e-6 * carrying[clone] - 1e-6
        if excess.any():
            raise InputError(
                f"cells: on day {excess.idxmax():g} the children of {clone} have more cells than "
                "it has; give cells that carry each clone's mutations, or say own=True"
            )
    return carrying, alone.clip(lower=0)


def _stack(
    clone: str,
    bottom: Floats,
    top: Floats,
    family: Mapping[str, list[str]],
    numbers: tuple[pd.DataFrame, pd.DataFrame],
    scale: Scale,
    areas: dict[str, tuple[Floats, Floats]],
) -> None:
    """Fill in the area of a clone and, inside it with gaps of equal height, of its children."""
    areas[clone] = bottom, top
    children = family[clone]
    parts = np.array([numbers[1][clone], *(numbers[0][child] for child in children)], float)
    parts = np.log10(1 + parts) if scale == "log" else parts
    whole = parts.sum(axis=0)
    heights = parts / np.where(whole > 0, whole, 1) * (top - bottom)
    gap = heights[0] / (len(children) + 1)
    floor = bottom + gap
    for child, height in zip(children, heights[1:], strict=True):
        _stack(child, floor, floor + height, family, numbers, scale, areas)
        floor = floor + height + gap


def _fish_axis(scale: Scale, top: float, foot: float, ax: Axes) -> None:
    """Cells, or shares, on the left, with a part of the axes below for therapy."""
    ax.set_ylim(-top * foot / (1 - foot), top * 1.02)
    if scale == "share":
        ax.set_yticks([0, 0.5, 1], ["0", "50", "100"])
        ax.set_ylabel("leukaemia cells, %")
    else:
        powers = np.arange(0, int(top) + 1, 3 if top >= 6 else 1)
        ax.set_yticks(np.log10(1 + 10.0**powers), [f"$10^{{{power}}}$" for power in powers])
        ax.set_ylabel("all leukaemia cells")
    ax.spines["left"].set_bounds(0, top)


def _name_areas(
    days: Floats,
    areas: Mapping[str, tuple[Floats, Floats]],
    family: Mapping[str, list[str]],
    shades: Mapping[str, str],
    size: tuple[float, float],
    ax: Axes,
) -> list[Patch]:
    """Names of clones on their areas; what a legend must explain, as it has no room."""
    wide, tall = size
    per_point = np.diff(ax.get_ylim())[0] / tall
    grid = np.linspace(days[0], days[-1], 200)
    step = wide / (len(grid) - 1)  # points
    left: list[Patch] = []
    for clone in areas:
        edges = [areas[clone][0], *(e for child in family[clone] for e in areas[child])]
        edges.append(areas[clone][1])
        lines = [np.interp(grid, days, edge) for edge in edges]
        window = int(np.ceil((text_width(clone) + 6) / step)) + 1
        strips = zip(lines[::2], lines[1::2], strict=True)
        rooms = [_roomiest(low, high, window) for low, high in strips]
        room, centre, height = max(rooms)
        if room < TEXT * per_point:
            left.append(Patch(fc=shades[clone], label=clone))
            continue
        dark = np.dot(to_rgb(shades[clone]), (0.299, 0.587, 0.114)) < 0.5
        ax.text(
            grid[centre], height, clone, ha="center", va="center",
            color="white" if dark else "black",
        )  # fmt: skip
    return left


def _roomiest(low: Floats, high: Floats, window: int) -> tuple[float, int, float]:
    """Largest height that is free over a window of a strip, with the middle and height there."""
    if window >= len(low):
        return -1.0, 0, 0.0
    floors = np.lib.stride_tricks.sliding_window_view(low, window).max(axis=1)
    roofs = np.lib.stride_tricks.sliding_window_view(high, window).min(axis=1)
    best = int(np.argmax(roofs - floors))
    middle = (roofs[best] + floors[best]) / 2
    return float(roofs[best] - floors[best]), best + window // 2, float(middle)

"""Clones of a patient: who descends from whom, and how many cells carry which mutations.

Every function takes tidy tables (or a tree) and gives the figure with the tidy table of what it
drew. It draws into `ax` if it gets one; otherwise it makes a figure of its usual size.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.path import Path

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.plots.drawing import HALO, LINE, Drawn, canvas, legend_below, name_points, needed
from allrelapse.plots.genomes import LIMIT

# Paul Tol's "muted" scheme, safe for colour-blind readers and with no colour of `figures`
CLONES = (
    "#88CCEE", "#DDCC77", "#44AA99", "#882255", "#332288", "#117733", "#CC6677", "#999933",
    "#AA4499",
)  # fmt: skip
MARKERS = "os^DvPXph*"
DISC = 20  # diameter of the disc of a clone that all cells belong to, points
HALVES = {"diagnosis": (90, 270), "relapse": (-90, 90)}  # of a disc, angles from and to
STAGES = list(HALVES)
CLUSTER = ("cluster", "sample", "ccf", "lower", "upper")
IN_NONE = "no clone"
Clone = TypeVar("Clone", bound=Hashable)


def clone_colours(clones: Iterable[Clone]) -> dict[Clone, str]:
    """A colour for each clone, in their order; give it all clones of a patient at once.

    Raises
    ------
    InputError
        If there are more clones than colours that can be told apart.
    """
    names = list(dict.fromkeys(clones))
    if len(names) > len(CLONES):
        raise InputError(f"clones: {len(names)}, more than {len(CLONES)} colours; join small ones")
    return dict(zip(names, CLONES, strict=False))


def _name(clone: object) -> str:
    """A clone in words: those with numbers as clone 1 and so on."""
    return f"clone {clone}" if isinstance(clone, int) else str(clone)


def clone_tree(
    tree: "nx.DiGraph",
    *,
    genes: Mapping[Any, str] | None = None,
    samples: tuple[str, str] = ("diagnosis", "relapse"),
    colours: Mapping[Any, str] | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """The clones of a patient as a tree from top to bottom.

    The left half of each disc is the share of cells at diagnosis that carry the clone's
    mutations, the right half that at relapse, both by area; a full half is all cells. Numbers on
    edges are mutations that the clone has and its parent has not.

    Parameters
    ----------
    tree : edges from parent to child, as in `evolution.trees`; nodes may have `ccf` (by sample,
        fractions of cells) and `variants` (number of mutations)
    genes : of resistance, by clone
    samples : names in `ccf` of the samples at diagnosis and at relapse
    colours : of the rings, by clone, such as `clone_colours`; else grey

    Returns
    -------
    The figure, and one row per clone: `clone`, `parent`, `variants`, `diagnosis`, `relapse`
    (fractions of cells, missing if not known), `gene`, and its place `x`, `y`.

    Raises
    ------
    InputError
        If the graph is no tree with one root.
    """
    if not len(tree) or not nx.is_arborescence(tree):
        raise InputError("tree: must have one root, and one parent for each other clone")
    shown = _placed(tree, genes or {}, samples)
    leaves, depth = int(shown["x"].max()) + 1, int(-shown["y"].min())
    widths = (figures.COLUMN, figures.MIDDLE, figures.PAGE)
    width = next((width for width in widths if width >= 1.1 * leaves), figures.PAGE)
    alone = ax is None
    figure, ax = canvas(ax, width, 1.2 + 0.7 * depth)
    ax.set(xlim=(-0.35, leaves - 0.1), ylim=(-depth - 0.35, 0.7))
    ax.axis("off")
    ax.set_title(title)
    place = {row["clone"]: (row["x"], row["y"]) for _, row in shown.iterrows()}
    for _, row in shown.iterrows():
        _draw_edge(row, place.get(row["parent"]), ax)
        _draw_disc(row, (colours or {}).get(row["clone"], LINE), ax)
    legend_below(ax, alone=alone, handles=_explained_discs())
    return figure, shown


def _placed(tree: "nx.DiGraph", genes: Mapping[Any, str], samples: tuple[str, str]) -> pd.DataFrame:
    """One row per clone, parents first: leaves side by side, parents above their children."""
    root = next(clone for clone in tree if tree.in_degree(clone) == 0)
    depth = nx.shortest_path_length(tree, root)
    x: dict[Hashable, float] = {}
    leaves = 0
    for clone in nx.dfs_postorder_nodes(tree, root):
        children = list(tree.successors(clone))
        x[clone] = float(np.mean([x[child] for child in children])) if children else leaves
        leaves += not children
    rows = []
    for clone in nx.dfs_preorder_nodes(tree, root):
        about = tree.nodes[clone]
        shares = [about.get("ccf", {}).get(sample, np.nan) for sample in samples]
        parent = next(iter(tree.predecessors(clone)), None)
        known = (parent, about.get("variants", np.nan), *shares, genes.get(clone))
        rows.append((clone, *known, x[clone], -float(depth[clone])))
    columns = ["clone", "parent", "variants", *STAGES, "gene", "x", "y"]
    return pd.DataFrame(rows, columns=columns).astype({"parent": object})


def _draw_edge(row: "pd.Series[Any]", above: tuple[float, float] | None, ax: Axes) -> None:
    """The line from the parent with the number of mutations, which the first one names."""
    x, y = row["x"], row["y"]
    start = above or (x, y + 0.65)
    ax.plot([start[0], x], [start[1], y], color=LINE, lw=0.8, zorder=1)
    if pd.isna(row["variants"]):
        return
    words = f"{row['variants']:,.0f}" + ("" if above else " mutations")
    ax.annotate(
        words, ((start[0] + x) / 2, (start[1] + y) / 2), (0, 0) if above else (4, 4),
        textcoords="offset points", ha="center" if above else "left", va="center",
        color="#555555", path_effects=[HALO],
    )  # fmt: skip


def _draw_disc(row: "pd.Series[Any]", ring: str, ax: Axes) -> None:
    """Ring, halves and names of one clone; a half that is not known has a question mark."""
    x, y = row["x"], row["y"]
    wide = 0.6 if ring == LINE else 2.5
    ax.plot(x, y, "o", ms=DISC + 1 + wide, mfc="white", mec=ring, mew=wide, zorder=2)
    ax.plot(x, y, "|", ms=DISC, color=LINE, mew=0.6, zorder=3)
    for (stage, angles), side in zip(HALVES.items(), (-1, 1), strict=True):
        share = row[stage]
        if pd.isna(share):
            ax.annotate(
                "?", (x, y), (side * DISC / 4, 0), textcoords="offset points", ha="center",
                va="center", zorder=4,
            )  # fmt: skip
        elif share > 0:
            size, marker = DISC**2 * min(share, 1), Path.wedge(*angles)
            ax.scatter(x, y, size, figures.STAGE[stage], marker=marker, lw=0, zorder=4)
    words = _name(row["clone"]) + (f"\n{row['gene']}" if isinstance(row["gene"], str) else "")
    ax.annotate(
        words, (x, y), (DISC / 2 + 3 + wide, 0), textcoords="offset points", va="center",
        path_effects=[HALO], zorder=5,
    )  # fmt: skip


def _explained_discs() -> list[Line2D]:
    """What halves and the ring are."""
    handles = [
        Line2D(
            [], [], lw=0, marker=Path.wedge(*HALVES[stage]), ms=10, color=figures.STAGE[stage],
            mew=0, label=f"cells at {stage}",
        )
        for stage in STAGES
    ]  # fmt: skip
    return [
        *handles, Line2D([], [], lw=0, marker="o", mfc="none", mec=LINE, ms=10, label="all cells")
    ]  # fmt: skip


def ccf_clusters(
    mutations: pd.DataFrame,
    clusters: pd.DataFrame,
    *,
    samples: tuple[str, str] = ("diagnosis", "relapse"),
    colours: Mapping[Any, str] | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Drawn:
    """Fractions of cells with each mutation at diagnosis and relapse, by cluster.

    As `genomes.ccf_scatter`, with a colour and a shape for each cluster, and its mean with
    intervals as a cross. What is seen in one sample alone is an open symbol on an axis.

    Parameters
    ----------
    mutations : `diagnosis`, `relapse` (fractions of cells, 0 if not seen), `cluster` (missing if
        in none), and maybe `gene` (named drivers, else missing); rows without both fractions are
        left out
    clusters : as `evolution.clones` gives them, one row per cluster and sample: `cluster`,
        `sample`, `ccf`, `lower`, `upper`
    samples : names in `clusters` of the samples at diagnosis and at relapse
    colours : by cluster, else `clone_colours`

    Returns
    -------
    The figure, and one row per mutation (`kind` is mutation) and cluster (`kind` is cluster, with
    limits of its intervals and the number of `mutations`).

    Raises
    ------
    InputError
        If a column is missing, or a mutation is of a cluster that `clusters` has not.
    """
    points = needed(mutations, (*STAGES, "cluster"), "mutations").dropna(subset=STAGES)
    points = points.reset_index(drop=True)
    means = _wide(needed(clusters, CLUSTER, "clusters"), samples)
    strange = sorted(set(points["cluster"].dropna()) - set(means["cluster"]))
    if strange:
        raise InputError(f"mutations: cluster {strange[0]} is not in clusters; add its rows there")
    counts = points["cluster"].value_counts()
    means["mutations"] = means["cluster"].map(counts).fillna(0).astype(int)
    beyond = bool((points[STAGES] > LIMIT).any(axis=None))
    points[STAGES] = points[STAGES].clip(upper=LIMIT)
    alone = ax is None
    figure, ax = canvas(ax, figures.COLUMN, 1.15 * figures.COLUMN)
    lost = points[points["cluster"].isna()]
    if len(lost):
        _draw_points(lost, figures.FAINT, ".", ax)
        ax.plot([], [], ".", color=figures.FAINT, label=f"{IN_NONE} (n = {len(lost):,})")
    shades = clone_colours(means["cluster"]) if colours is None else colours
    for mean, marker in zip(means.to_dict("records"), MARKERS, strict=False):
        colour = shades[mean["cluster"]]
        _draw_points(points[points["cluster"] == mean["cluster"]], colour, marker, ax)
        _draw_mean(mean, colour, marker, ax)
    _ccf_axes(beyond, ax)
    ax.set_title(title)
    legend_below(ax, alone=alone, columns=2)
    if "gene" in points and points["gene"].notna().any():
        named = points[points["gene"].notna()]
        ax.scatter(named["diagnosis"], named["relapse"], 20, "none", edgecolor="black", zorder=4)
        ax.collections[-1].set_clip_on(False)
        name_points(named["diagnosis"], named["relapse"], named["gene"], LIMIT, ax)
    both = [points.assign(kind="mutation"), means.assign(kind="cluster")]
    return figure, pd.concat(both, ignore_index=True)


def _wide(clusters: pd.DataFrame, samples: tuple[str, str]) -> pd.DataFrame:
    """One row per cluster: `diagnosis`, `relapse`, and both with `_lower` and `_upper`."""
    lacking = [sample for sample in samples if sample not in set(clusters["sample"])]
    if lacking:
        raise InputError(f"clusters: no rows of sample {lacking[0]}; name both in samples")
    parts = []
    for stage, sample in zip(STAGES, samples, strict=True):
        rows = clusters[clusters["sample"] == sample].set_index("cluster")
        ends = {"ccf": stage, "lower": f"{stage}_lower", "upper": f"{stage}_upper"}
        parts.append(rows[list(ends)].rename(columns=ends))
    return pd.concat(parts, axis=1).reset_index()


def _draw_points(mine: pd.DataFrame, colour: str, marker: str, ax: Axes) -> None:
    """Mutations of one cluster, open where a sample has none."""
    both = (mine[STAGES] > 0).all(axis=1)
    for part, face in ((mine[both], colour), (mine[~both], "none")):
        ax.scatter(
            part["diagnosis"], part["relapse"], 12, face, edgecolor=colour, marker=marker,
            alpha=0.5, clip_on=False, zorder=3, lw=0.8,
        )  # fmt: skip


def _draw_mean(mean: Mapping[Hashable, Any], colour: str, marker: str, ax: Axes) -> None:
    """Mean of a cluster with its intervals as a cross."""
    x, y = mean["diagnosis"], mean["relapse"]
    for shade, width in (("white", 3.0), ("black", 1.2)):
        about: dict[str, Any] = {"color": shade, "lw": width, "zorder": 4, "clip_on": False}
        ax.hlines(y, mean["diagnosis_lower"], mean["diagnosis_upper"], **about)
        ax.vlines(x, mean["relapse_lower"], mean["relapse_upper"], **about)
        ax.plot(x, y, "+", mec=shade, ms=6 + width, mew=width, zorder=4, clip_on=False)
    ax.plot(
        [], [], marker, color=colour, ms=4,
        label=f"{_name(mean['cluster'])} (n = {mean['mutations']:,})",
    )  # fmt: skip


def _ccf_axes(beyond: bool, ax: Axes) -> None:
    """Axes from 0 to beyond all cells, as in `genomes.ccf_scatter`."""
    for line in (ax.axhline, ax.axvline):
        line(1, color=LINE, lw=0.8, ls="--", zorder=1)
    ax.set(xlim=(0, LIMIT), ylim=(0, LIMIT), box_aspect=1, xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    note = f"\n(at the edge: {LIMIT:g} or more)" if beyond else ""
    ax.set(xlabel=f"fraction of cells at diagnosis{note}", ylabel="fraction of cells at relapse")

"""What several figures need: axes, words that do not overlap, and therapy beside the days."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from matplotlib.transforms import ScaledTranslation, Transform
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from allrelapse import figures
from allrelapse.errors import InputError

Drawn = tuple[Figure, pd.DataFrame]
Floats = NDArray[np.float64]

LINE = "#777777"  # of thin lines
HALO = withStroke(linewidth=2, foreground="white")  # of text on lines and points
PHASE_SHADES = ("#C8C8C8", "#E6E6E6")  # of therapy, by turns
BAR, TEXT, GAP = 9, 11, 4  # heights of a bar of therapy, a line of text, and between, points
UNKNOWN = LINE  # of patients without a group of timing


def canvas(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The axes that were given and their figure, or new ones of a size in inches."""
    if ax is None:
        figure, new = plt.subplots(figsize=(width, height))
        return figure, new
    root = ax.get_figure(root=True)
    if root is None:
        raise InputError("axes must belong to a figure")
    return root, ax


def needed(table: pd.DataFrame, columns: Iterable[str], name: str) -> pd.DataFrame:
    """The table, if it has rows and these columns.

    Raises
    ------
    InputError
        If it has not.
    """
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise InputError(f"{name}: no column {', '.join(lacking)}; it is needed, so add it")
    if table.empty:
        raise InputError(f"{name}: no rows, so there is nothing to draw; leave the picture out")
    return table


def legend_below(
    ax: Axes, *, alone: bool, handles: Sequence[Artist] | None = None, columns: int = 3
) -> None:
    """A legend below the figure, or if the axes are not alone in it, below them.

    Parameters
    ----------
    alone : whether the figure is of these axes only
    handles : what it explains; else all that has a label
    """
    shown = list(handles or ax.get_legend_handles_labels()[0])
    about: dict[str, Any] = {"handles": shown, "ncols": columns, "handletextpad": 0.6}
    about |= {"columnspacing": 1.2, "handlelength": 1.2}
    figure = canvas(ax, 0, 0)[0]
    if alone:
        figure.legend(loc="outside lower center", **about)
        return
    figure.draw_without_rendering()
    room = ax.get_tightbbox()
    drop = 0.0 if room is None else (ax.get_window_extent().y0 - room.y0) / figure.dpi
    lower = ax.transAxes + ScaledTranslation(0, -drop, figure.dpi_scale_trans)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=lower, **about)


def timing_colours(timing: "pd.Series[str]") -> list[str]:
    """The colour of each patient's group, grey where it is not known."""
    return [figures.TIMING.get(str(group), UNKNOWN) for group in timing]


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in points, as laid out with what is drawn until now."""
    figure = canvas(ax, 0, 0)[0]
    figure.draw_without_rendering()
    box = ax.get_window_extent()
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def text_width(words: str, size: float = 8) -> float:
    """Width of the longest line of a text, points."""
    lines = [line for line in words.split("\n") if line.strip()]
    return max((TextPath((0, 0), line, size=size).get_extents().width for line in lines), default=0)


def with_gaps(targets: ArrayLike, gap: float, low: float, high: float) -> Floats:
    """Places nearest to the targets with a gap between them, smaller if there is not enough room.

    Parameters
    ----------
    targets : any order
    low, high : limits of the places themselves, unlike those of `apart`
    """
    aim = np.asarray(targets, float)
    gap = min(gap, (high - low) / max(len(aim), 1))
    return np.clip(apart(aim, gap, low - gap / 2, high + gap / 2), low, high)


def apart(targets: ArrayLike, sizes: ArrayLike, low: float, high: float) -> Floats:
    """Places nearest to the targets (least squares) of things that must not overlap.

    Parameters
    ----------
    targets : where the middles should be, any order
    sizes : one for all or one each; smaller, and overlapping, if there is not enough room
    low, high : limits of the room
    """
    aim = np.asarray(targets, float)
    if not len(aim):
        return aim
    order = np.argsort(aim, kind="stable")
    size = np.broadcast_to(np.asarray(sizes, float), aim.shape)[order]
    size = size * min(1.0, (high - low) / size.sum())
    middles = np.cumsum(size) - size / 2
    # with the sizes taken off, not to overlap is to keep the order
    found = np.clip(isotonic_regression(aim[order] - middles).x, low, high - size.sum())
    places = np.empty(len(aim))
    places[order] = found + middles
    return places


def name_points(
    x: "pd.Series[float]",
    y: "pd.Series[float]",
    names: "pd.Series[str]",
    limit: float,
    ax: Axes,
) -> None:
    """Names beside points, towards the middle, moved up or down so that none lies on another.

    Parameters
    ----------
    x, y, names : of the points
    limit : of both axes, which begin at 0
    """
    heights = with_gaps(y, 12 * limit / size_in_points(ax)[1], 0.04, limit - 0.04)
    for name, left, up, height in zip(names, x, y, heights, strict=True):
        far = left > limit / 2
        ax.annotate(
            name, (left, up), (left + (-0.06 if far else 0.06), height),
            ha="right" if far else "left", va="center", zorder=5, path_effects=[HALO],
            arrowprops={"arrowstyle": "-", "color": LINE, "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip


def label_right(
    words: Sequence[str],
    x: ArrayLike,
    y: ArrayLike,
    colours: Sequence[str],
    *,
    ax: Axes,
    tall: float | None = None,
) -> None:
    """Words to the right of the axes, each with a thin line to its point of the data.

    They are moved up or down so that none lies on another. Limits of the axes must be set.

    Parameters
    ----------
    x, y : of the points
    tall : height of the axes in points if known, which saves time as it need not be laid out
    """
    tall = size_in_points(ax)[1] if tall is None else tall
    ends = np.column_stack([np.asarray(x, float), np.asarray(y, float)])
    heights = ax.transAxes.inverted().transform(ax.transData.transform(ends))[:, 1] * tall
    places = apart(heights, TEXT, 0, tall)
    for word, end, place, colour in zip(words, ends, places, colours, strict=True):
        ax.annotate(
            word, (float(end[0]), float(end[1])), (1.03, place / tall), textcoords="axes fraction",
            color=colour, va="center", annotation_clip=False, path_effects=[HALO],
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip


def phase_band(
    phases: pd.DataFrame, *, ax: Axes, under: bool = False, days_per_unit: float = 1
) -> float:
    """Phases of therapy as grey bars with their names, along an axis of time.

    Names that are too long for their bar stand above it, moved apart, with a thin line.

    Parameters
    ----------
    phases : `name`, `start`, `end` in days; what lies outside the axis is left out
    under : at the bottom within the axes, instead of above them
    days_per_unit : of the axis, the limits of which must be set

    Returns
    -------
    The height that bars and names take, in points.
    """
    times = needed(phases, ("name", "start", "end"), "phases")
    left, right = ax.get_xlim()
    spans = (times[["start", "end"]] / days_per_unit).clip(left, right)
    shown = spans.assign(name=times["name"])[spans["end"] > spans["start"]]
    wide = size_in_points(ax)[0]
    edge = 0 if under else 1
    middles = (shown["start"] + shown["end"]).to_numpy() / 2
    lengths = np.array([text_width(name) for name in shown["name"]])
    inside = lengths + 4 <= (shown["end"] - shown["start"]).to_numpy() / (right - left) * wide
    aims = (middles - left) / (right - left) * wide
    places = aims.copy()
    places[~inside] = apart(aims[~inside], lengths[~inside] + 8, 0, wide)
    for k, (start, end) in enumerate(zip(shown["start"], shown["end"], strict=True)):
        ax.plot(
            [start, end], [edge, edge], lw=BAR, color=PHASE_SHADES[k % 2], clip_on=False, zorder=1,
            solid_capstyle="butt", transform=_lifted(ax, 2 + BAR / 2),
        )  # fmt: skip
    for name, middle, shift, fits in zip(
        shown["name"], middles, places - aims, inside, strict=True
    ):
        line = None if fits else {"arrowstyle": "-", "color": LINE, "lw": 0.5, "relpos": (0.5, 0)}
        ax.annotate(
            name, (middle, edge), (shift, -BAR / 2 if fits else GAP + TEXT / 2),
            _lifted(ax, 2 + BAR), "offset points", ha="center", va="center", annotation_clip=False,
            arrowprops=line and line | {"shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    return 2.0 + BAR + (0 if inside.all() else GAP + TEXT)


def _lifted(ax: Axes, points: float) -> Transform:
    """Data along x, fractions of the axes along y, and some points higher."""
    scale = canvas(ax, 0, 0)[0].dpi_scale_trans
    return ax.get_xaxis_transform() + ScaledTranslation(0, points / 72, scale)

"""Dose-response curves, estimates against planted values, and who resists what."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from allrelapse import figures
from allrelapse.drugs import CurveFit
from allrelapse.drugs.links import ASSUMED, INFERRED
from allrelapse.plots.drawing import needed

PLAIN, SHADE = "#999999", "#5A6672"
"""Of genotypes that are not to be looked at; of drugs without a colour of their own."""
GENES: Mapping[str, tuple[str, str]] = MappingProxyType(  # colour, marker
    {"wild": (figures.NEUTRAL[0], "o")}
    | {gene: (colour, figures.MARKER[gene]) for gene, colour in figures.GENE.items()}
)
"""By the first word of a genotype; markers tell them apart in grey print."""


def look(genotype: object) -> tuple[str, str]:
    """Colour and marker of a genotype, by the gene that it begins with."""
    return GENES.get(str(genotype).split(" ")[0], (PLAIN, "."))


def dose_response(
    wells: pd.DataFrame,
    fit: CurveFit,
    *,
    ax: Axes,
    colour: str = GENES["wild"][0],
    marker: str = "o",
    label: str | None = None,
    single: bool = False,
) -> pd.DataFrame:
    """One curve with its data and, where there is one, the interval of its IC50 at half height.

    Parameters
    ----------
    wells : those that were fitted, `dose` (µmol per litre) and `viability`
    single : every well as a point, those left out as crosses; else means of the doses with their
        standard errors, without what was left out

    Returns
    -------
    What was drawn, one row per point: `dose`, `viability` as a fraction of the plate's fitted top,
    `outlier` if single, else `se` and `wells`.
    """
    needed(wells, ("dose", "viability"), "wells")
    plate = pd.factorize(wells["plate"], use_na_sentinel=False)[0] if "plate" in wells else 0
    share = wells["viability"] / np.asarray(fit.tops)[plate]
    points = pd.DataFrame({"dose": wells["dose"], "viability": share, "outlier": fit.outlier})
    if not single:
        by = points[~points["outlier"]].groupby("dose")["viability"]
        points = by.agg(viability="mean", se="sem", wells="size").reset_index()
    low, high = fit.doses
    untreated = low / (high / low) ** 0.12
    x = points["dose"].where(points["dose"] > 0, untreated)
    about: dict[str, Any] = {"color": colour, "ms": 3.5, "mew": 0.6}
    if single:
        good = ~points["outlier"]
        ax.plot(x[good], points["viability"][good], marker, mfc="none", **about)
        ax.plot(x[~good], points["viability"][~good], "x", color=figures.PUBLISHED, ms=6)
    else:
        ax.errorbar(x, points["viability"], points["se"], fmt=marker, lw=0.7, **about)
    dose = np.geomspace(low, high, 200)
    ax.plot(dose, fit.predict(dose), "-", color=colour, lw=1)
    ax.plot([], [], marker=marker, ls="-", lw=1, label=label, **about)
    if np.isfinite(fit.ic50.value) and fit.ic50.value > 0:
        height = float(fit.predict(fit.ic50.value))
        left, right = np.clip(fit.ic50.interval, low, high)
        ax.plot(
            [left, right], [height, height], color=colour, lw=3, alpha=0.6, solid_capstyle="butt"
        )
    _dose_axis(ax, low, high, untreated)
    return points


def _dose_axis(ax: Axes, low: float, high: float, untreated: float) -> None:
    """Logarithmic doses, with untreated wells at the left, marked 0."""
    ax.set_xscale("log")
    ax.axhline(0.5, color=PLAIN, lw=0.5, ls=":", zorder=0)
    ax.axvspan(untreated / 2, (low * untreated) ** 0.5, color="#EEEEEE", lw=0, zorder=0)
    powers = range(int(np.ceil(np.log10(low))), int(np.floor(np.log10(high))) + 1)
    shown = list(powers)[:: max(1, -(-len(powers) // 4))]
    labels = ["0", *(f"$10^{{{power}}}$" for power in shown)]
    ax.set_xticks([untreated, *(10.0**power for power in shown)], labels)
    ax.set_xlim(untreated / 2, high * 1.8)
    ax.minorticks_off()


def recovery_plot(
    table: pd.DataFrame, *, value: str, truth: str, ax: Axes, words: Sequence[str] = ()
) -> pd.DataFrame:
    """Estimates over their planted values with intervals, sorted; those that miss are thick.

    Parameters
    ----------
    table : `value`, its `value_lower` and `value_upper`, and `truth`, all above 0; rows without a
        number are left out
    words : columns that name a row in what is returned

    Returns
    -------
    What was drawn: `words`, `ratio`, `lower`, `upper`, `held`.
    """
    ends = [f"{value}_lower", f"{value}_upper"]
    told = table[np.isfinite(table[value]) & table[value].gt(0)]
    needed(told, [value, truth, *ends], "estimates")
    ratio = (
        told[[value, *ends]].div(told[truth], axis=0).set_axis(["ratio", "lower", "upper"], axis=1)
    )
    drawn: pd.DataFrame = told[list(words)].join(ratio).sort_values("ratio").reset_index(drop=True)
    drawn["held"] = drawn["lower"].le(1) & drawn["upper"].ge(1)
    for held, colour in ((True, figures.NEUTRAL[1]), (False, figures.NEUTRAL[0])):
        part = drawn[drawn["held"] == held]
        low, high = part["lower"].clip(0.3), part["upper"].clip(upper=3)
        ax.vlines(part.index, low, high, color=colour, lw=1 if held else 1.8)
        ax.plot(part.index, part["ratio"], "o" if held else "D", color=colour, ms=2.5)
    ax.axhline(1, color=figures.PUBLISHED, lw=0.8)
    ax.set_yscale("log")
    ticks = [
        t
        for t in (0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2)
        if drawn["lower"].min() <= t <= drawn["upper"].max()
    ]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xticks([])
    return drawn


def count_matrix(
    table: pd.DataFrame,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    ax: Axes,
    colours: Mapping[str, str],
) -> None:
    """How many of how many, by row and column, as shaded cells; blank where nothing is known.

    Parameters
    ----------
    table : `row`, `column`, `some` of `all`, and `basis` if not all was counted: what is inferred
        gets a tilde, what is assumed a question mark
    rows, columns : in the order in which they are drawn
    colours : by column, such as `figures.DRUG`; the others are grey
    """
    needed(table, ("row", "column", "some", "all"), "counts")
    signs = {INFERRED: "~", ASSUMED: "?"}
    for cell in table.to_dict("records"):
        x, y = columns.index(cell["column"]), rows.index(cell["row"])
        sign = signs.get(str(cell.get("basis")), "")
        counted = pd.notna(cell["all"])
        share = cell["some"] / cell["all"] if counted else 0.25 if sign == "~" else 0.0
        box: dict[str, Any] = {
            "facecolor": colours.get(cell["column"], SHADE),
            "alpha": 0.08 + 0.72 * float(share),
            "lw": 0,
        }
        ax.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **box))
        text = f"{cell['some']}/{cell['all']}" if counted else sign
        ax.text(x, y, text, ha="center", va="center_baseline", fontsize=7)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="left", rotation_mode="anchor")
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    for y in np.arange(len(rows) + 1) - 0.5:
        ax.axhline(y, color="#DDDDDD", lw=0.5, zorder=0)


def curve_panel(
    curves: Mapping[tuple[str, ...], pd.DataFrame],
    fits: Mapping[tuple[str, ...], CurveFit],
    *,
    line: str,
    drug: str,
    named: Sequence[str],
    ax: Axes,
) -> pd.DataFrame:
    """All genotypes of a line under one drug: the named ones with their data, the rest as lines.

    Parameters
    ----------
    curves, fits : wells and fits by line, genotype and drug, as of `drugs.fit_curves`
    named : genotypes to be seen, in the order of the legend

    Returns
    -------
    What was drawn with data: `line`, `drug`, `genotype`, and the columns of `dose_response`.
    """
    mine = {key[1]: key for key in fits if key[0] == line and key[2] == drug}
    for genotype in sorted(set(mine) - set(named)):
        fit = fits[mine[genotype]]
        dose = np.geomspace(*fit.doses, 200)
        ax.plot(dose, fit.predict(dose), color=PLAIN, lw=0.6, alpha=0.6)
    parts = []
    for genotype in (name for name in named if name in mine):
        key = mine[genotype]
        colour, marker = look(genotype)
        part = dose_response(
            curves[key], fits[key], ax=ax, colour=colour, marker=marker, label=genotype
        )
        parts.append(part.assign(line=line, drug=drug, genotype=genotype))
    ax.set_title(drug)
    return pd.concat(parts) if parts else pd.DataFrame()

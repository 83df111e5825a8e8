"""One family of figures: style, colours by meaning, and saving with table and alt text."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.core.getipython import get_ipython
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from allrelapse import paths
from allrelapse.errors import InputError

COLUMN, MIDDLE, PAGE = 3.5, 5.4, 7.2  # width of one, one and a half, two journal columns, inches

# One colour, one meaning. Okabe & Ito 2008 (timing, when) and sets by Tol and by Brewer; a test
# holds each palette apart for readers with any of the three colour-vision deficiencies.
TIMING: Mapping[str, str] = MappingProxyType(
    {"very early": "#56B4E9", "early": "#D55E00", "late": "#0072B2"}
)
STAGE: Mapping[str, str] = MappingProxyType({"diagnosis": "#999999", "relapse": "#CC79A7"})
# When a mutation is seen. To readers with deuteranopia, and in grey print, this grey and pink look
# alike (so would green): draw hollow what is seen at diagnosis only.
WHEN: Mapping[str, str] = MappingProxyType(
    {"shared": "#E69F00", "diagnosis only": STAGE["diagnosis"], "relapse only": STAGE["relapse"]}
)
EVENT: Mapping[str, str] = MappingProxyType(  # what happens after a relapse
    {"second relapse": STAGE["relapse"], "transplant": "#009E73", "death": "#333333"}
)
LINEAGE: Mapping[str, str] = MappingProxyType({"B": "#225555", "T": "#997700"})
GENE: Mapping[str, str] = MappingProxyType(
    {
        "NT5C2": "#4D4DFF",
        "PRPS1": "#EECC66",
        "NR3C1": "#8C510A",
        "TP53": "#9970AB",
        "MSH6": "#4B0092",
        "FPGS": "#EE6677",
    }
)
MARKER: Mapping[str, str] = MappingProxyType(  # of the same genes, for grey print
    dict(zip(GENE, "s^DvPX", strict=True))
)
# SBS87 has the colour of the drugs that write it; what writes SBS86 is not known.
DRUG: Mapping[str, str] = MappingProxyType({"thiopurine": "#1B7837"})
SIGNATURE: Mapping[str, str] = MappingProxyType({"SBS86": "#762A83", "SBS87": DRUG["thiopurine"]})
ROUTE = ("#543005", "#BF812D", "#F6E8C3")  # of relapses: the earlier the founder, the darker
# What has no colour of its own, by turns; the first two for any two things that are compared.
NEUTRAL = ("#333333", "#1B9E77", "#AA3377", "#CCBB44")
FAINT = "#BBBBBB"  # what is there to compare with
COHORT: Mapping[str, tuple[str, str, str, int]] = MappingProxyType(  # words, colour, marker, size
    {
        "other exomes": ("other exomes", "#D8C48F", "o", 6),
        "other genomes": ("other genomes", "#88A0DD", "s", 6),
        "PCAWG": ("PCAWG genomes", FAINT, "s", 6),
        "ALL at diagnosis": ("ALL genomes at diagnosis", STAGE["diagnosis"], "s", 18),
        "diagnosis": ("ALL exomes at diagnosis", STAGE["diagnosis"], "o", 24),
        "relapse": ("ALL exomes at relapse", STAGE["relapse"], "o", 24),
    }
)
# Numbers from 0 (white) on, such as a share of the mutations.
SEQUENTIAL = LinearSegmentedColormap.from_list("white to green", ["#FFFFFF", "#66B99A", "#00412E"])
PUBLISHED = "#000000"  # whatever the paper said, or was planted, is black
# The customary six of signature plots (Alexandrov 2013).
SUBSTITUTION: Mapping[str, str] = MappingProxyType(
    {
        "C>A": "#03BCEE",
        "C>G": "#010101",
        "C>T": "#E32926",
        "T>A": "#A9A8A8",
        "T>C": "#A1CE63",
        "T>G": "#EBC6C4",
    }
)


def style() -> None:
    """Set the style of figures (8-point text, no chart junk, reproducible) and shown tables."""
    pd.options.display.max_colwidth = 120
    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, told)
    sns.set_theme(
        context="paper",
        style="ticks",
        font="DejaVu Sans",
        rc={
            "font.size": 8,
            "axes.titlesize": 9,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 8,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "figure.titlesize": 9,
            "figure.titleweight": "bold",
            "savefig.dpi": 200,
            "svg.hashsalt": "allrelapse",
            "svg.fonttype": "path",
        },
    )


def told(table: pd.DataFrame) -> str:
    """HTML of a table as notebooks show it: names of columns in words, a dash for what is missing.

    Values, index and saved tables stay as they are.
    """

    def words(name: object) -> object:
        return name.replace("_", " ") if isinstance(name, str) else name

    plain = table.dtypes.map(lambda kind: isinstance(kind, np.dtype) and kind != np.dtype("O"))
    others = {name: object for name in table.columns[~plain.to_numpy(bool)]}
    known = table.astype(others)  # of which None and pd.NA would be shown as such
    known = known.mask(known.isna(), np.nan)
    named = known.rename(columns=words).rename_axis(index=words, columns=words)
    most = pd.options.display.max_rows
    return str(named.to_html(na_rep="–", notebook=True, max_rows=most))


def save(figure: Figure, name: str, *, table: pd.DataFrame, alt: str) -> Image:
    """Save a figure as PNG and SVG with the tidy table behind it and its alt text; show it.

    Writes `figures/<name>.png`, `.svg`, `.csv` and `.txt` under the output folder.

    Parameters
    ----------
    table : tidy, one observation per row, with what the figure shows
    alt : the finding in words, for those who cannot see the figure

    Raises
    ------
    InputError
        If the table is empty or the alt text is too short to say anything.
    """
    if table.empty or len(alt.split()) < 5:
        raise InputError(f"figure {name!r} needs the table behind it and alt text of a sentence")
    folder = paths.output() / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", metadata={"Description": alt, "Software": None})
    figure.savefig(folder / f"{name}.svg", metadata={"Description": alt, "Date": None})
    write_table(table, folder / f"{name}.csv")
    (folder / f"{name}.txt").write_text(alt + "\n", encoding="utf-8")
    plt.close(figure)
    return Image(folder / f"{name}.png", width=int(figure.get_figwidth() * 100), alt=alt)


def save_table(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Save a tidy table as `tables/<name>.csv` under the output folder, and return it."""
    folder = paths.output() / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    write_table(table, folder / f"{name}.csv")
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole or not at all, with 10 significant digits so that runs compare."""
    partial = path.with_name(f".{path.name}.partial")
    table.to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")
    os.replace(partial, path)


def interval_plot(
    table: pd.DataFrame,
    *,
    value: str,
    lower: str,
    upper: str,
    label: str,
    ax: Axes,
    colours: Sequence[str] | pd.Series | None = None,
    null: float | None = None,
) -> None:
    """Points with intervals, one row per estimate, read from top to bottom.

    Infinite ends run to the edge of the axis as an arrow, so that none is silently cut.
    """
    finite = table[[value, lower, upper]].replace([np.inf, -np.inf], np.nan)
    smallest, largest = finite.min().min(), finite.max().max()
    shades = [NEUTRAL[0]] * len(table) if colours is None else list(colours)
    log = ax.get_xscale() == "log"
    edge = largest * 3 if log else largest
    floor = (finite[finite > 0].min().min() / 3) if log else smallest
    for y, (_, row) in enumerate(table.iterrows()):
        colour = shades[y]
        left, right = max(row[lower], floor), min(row[upper], edge)
        ax.plot([left, right], [y, y], color=colour, lw=1.5, zorder=2)
        if row[upper] > edge:
            ax.plot(edge, y, marker=">", color=colour, ms=5, clip_on=False)
        if np.isfinite(row[value]):
            ax.plot(row[value], y, marker="o", color=colour, ms=5, zorder=3, clip_on=False)
        else:
            ax.annotate("∞", (edge, y), (6, 0), textcoords="offset points", va="center")
    if log:
        ax.xaxis.set_major_formatter("{x:g}")
    if null is not None:
        ax.axvline(null, color="#777777", lw=0.8, ls="--", zorder=1)
    ax.set_yticks(range(len(table)), list(table[label]))
    ax.set_ylim(len(table) - 0.5, -0.5)


def evidence_plot(points: pd.DataFrame, *, ax: Axes) -> None:
    """Evidence for a signature against its share of the sample's mutations, one point a sample.

    Parameters
    ----------
    points : `cohort` (a key of `COHORT`), `percent` of the mutations, `p_value`
    """
    for cohort, (words, colour, marker, size) in COHORT.items():
        part = points[points["cohort"] == cohort]
        few = cohort in ("ALL at diagnosis", *STAGE)  # dark edges, so that they stand out
        ax.scatter(
            part["percent"], -np.log10(part["p_value"]), size, colour, marker=marker,
            label=f"{words} (n = {len(part):,})", edgecolor="#333333" if few else "white",
            linewidth=0.6 if few else 0.3,
        )  # fmt: skip
    ax.set(xlabel="% of the sample's mutations", ylabel="evidence, −log₁₀ P")
    ax.label_outer()


def limits_plot(limits: pd.DataFrame, *, ax: Axes) -> None:
    """In how many samples of a cohort a given share of a signature would have been found.

    Parameters
    ----------
    limits : `cohort` (a key of `COHORT`), `percent`, the smallest share that would be found (NaN
        where none would)
    """
    for cohort, (words, colour, _, size) in COHORT.items():
        part = limits.loc[limits["cohort"] == cohort, "percent"]
        if part.empty:
            continue
        reached = np.arange(1, part.notna().sum() + 1) * 100 / len(part)
        x = np.r_[0.1, part.dropna().sort_values(), 100]
        line = "--" if cohort in STAGE else "-"  # exomes, genomes of leukaemias
        label = f"{words} (n = {len(part):,})"
        height, wide = np.r_[0, reached, reached[-1:]], 2.2 if size > 6 else 1.2  # of leukaemias
        ax.step(x, height, line, where="post", color=colour, label=label, lw=wide)
    ax.set(xscale="log", xlim=(0.5, 100), ylim=(0, 101))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(
        xlabel="share of the sample's mutations, %",
        ylabel="% of samples in which\nit would be found",
    )
    ax.label_outer()


def paired_plot(
    before: pd.Series,
    after: pd.Series,
    *,
    ax: Axes,
    limit: float | None = None,
    colour: str = NEUTRAL[0],
) -> None:
    """Counts of the same patients at diagnosis and at relapse, a line each, on a log axis.

    Bold numbers are medians.

    Parameters
    ----------
    before, after : mutations, same index; if any is 0 the axis is linear up to 1
    limit : mutations above which a sample counts as hypermutated, as a dashed line
    """
    pairs = np.array([before.to_numpy(float), after.to_numpy(float)])
    ax.plot([0, 1], pairs, "-", color=colour, lw=0.6, alpha=0.5)
    ax.plot(np.zeros(len(before)), pairs[0], "o", ms=3, color=STAGE["diagnosis"], clip_on=False)
    ax.plot(np.ones(len(after)), pairs[1], "o", ms=3, color=colour, clip_on=False)
    medians = np.median(pairs, axis=1)
    for x, middle, side in zip((-0.06, 1.06), medians, ("right", "left"), strict=True):
        words = f"{middle:,.1f}".removesuffix(".0")
        ax.text(x, middle, words, ha=side, va="center", weight="bold")
    if limit is not None:
        ax.axhline(limit, color="#777777", lw=0.8, ls="--")
    if pairs.min() > 0:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_yscale("symlog", linthresh=1)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set(xlim=(-0.35, 1.35))
    ax.set_xticks([0, 1], ["diagnosis", "relapse"])


def quantile_plot(
    p_values: pd.Series, marked: pd.Series, *, ax: Axes, tests: int | None = None
) -> None:
    """P values against what they would be if nothing but chance were at work.

    Parameters
    ----------
    p_values : of the tests that are drawn, the smallest of `tests`
    marked : truth values, same index, of those drawn in colour
    tests : number of tests, if the rest (with P near 1) is left out
    """
    order = p_values.sort_values().index
    number = tests or len(order)
    expected = -np.log10((np.arange(len(order)) + 0.5) / number)
    seen = -np.log10(p_values[order].clip(lower=1e-30).to_numpy())
    top = expected.max()
    ax.plot([0, top], [0, top], color=PUBLISHED, lw=0.8)
    ours = marked[order].to_numpy(bool)
    ax.plot(expected[~ours], seen[~ours], "o", ms=3, color=FAINT)
    ax.plot(expected[ours], seen[ours], "o", ms=5, color=NEUTRAL[1], clip_on=False)
    ax.set(xlabel="−log₁₀ P, expected by chance", ylabel="−log₁₀ P, found (to 30)")


def equality_plot(
    planted: pd.Series,
    estimate: pd.Series,
    *,
    ax: Axes,
    span: pd.DataFrame | None = None,
    colour: str = NEUTRAL[0],
) -> None:
    """Estimates against planted numbers, along the line of equality; logarithmic from 10 on.

    Parameters
    ----------
    planted, estimate : numbers, such as mutations
    span : columns with the distances from the estimates down and up to the ends of intervals
    """
    errors = None if span is None else span.to_numpy().T
    ax.errorbar(planted, estimate, errors, fmt="o", ms=3, lw=0.6, color=colour, alpha=0.7)
    top = max(planted.max(), estimate.max())
    ax.plot([0, top], [0, top], color=PUBLISHED, lw=0.8)
    ax.set_xscale("symlog", linthresh=10)
    ax.set_yscale("symlog", linthresh=10)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")


def spread_plot(simulated: "pd.Series[float]", published: float, *, ax: Axes) -> None:
    """Histogram of one aggregate over simulated cohorts, the published value in black.

    The band behind it holds the central 95 % of the cohorts.
    """
    values = simulated.dropna().to_numpy()
    whole = (values % 1 == 0).all()
    edges = np.arange(values.min() - 0.5, values.max() + 1)
    bins = edges if whole else np.histogram_bin_edges(values, 12)
    ax.axvspan(*np.quantile(values, [0.025, 0.975]), color="#EEEEEE", lw=0, zorder=0)
    ax.hist(values, bins=bins.tolist(), color=FAINT, edgecolor="white", linewidth=0.5)
    ax.axvline(published, color=PUBLISHED, lw=1.5)
    ax.set(yticks=[])
    ax.spines["left"].set_visible(False)


def spectrum(counts: pd.Series, *, ax: Axes, title: str, fitted: pd.Series | None = None) -> None:
    """Bars over the 96 channels in their customary colours, the fitted counts as a line.

    Parameters
    ----------
    counts, fitted : mutations (or probabilities) by channel such as `A[C>A]A`
    """
    order = sorted(counts.index, key=lambda c: (c[2:5], c[0], c[-1]))
    colours = [SUBSTITUTION[c[2:5]] for c in order]
    ax.bar(range(96), counts[order], color=colours, width=0.8)
    if fitted is not None:
        edges = np.arange(97) - 0.5
        ax.stairs(fitted[order], edges, baseline=None, color="#333333", lw=0.7, label="fitted")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1.08), borderaxespad=0)
    top = max(counts.max(), 0 if fitted is None else fitted.max()) * 1.12
    for i, substitution in enumerate(SUBSTITUTION):
        ax.text(16 * i + 7.5, top, substitution, ha="center", va="bottom", fontsize=7)
        ax.axvspan(16 * i - 0.5, 16 * i + 15.5, ymin=0.985, color=SUBSTITUTION[substitution], lw=0)
    ax.set(xlim=(-0.5, 95.5), ylim=(0, top), xticks=[])
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=top > 4))
    ax.set_title(title, pad=12)

"""How often `presence` finds a signature that made no mutation, at a nominal P.

    OMP_NUM_THREADS=1 python benchmarks/presence_calibration.py --write

Spectra are drawn from mixtures without the target: of a usual leukaemia, and of the target's
nearest neighbours. Their counts are *Poisson*, *scattered* with twice that variance, or *hard*:
rates scatter by a quarter and 8 % of the mutations are of one of ten processes that are in no
catalogue (`signature_sets`). Candidates are those of a leukaemia, or the whole catalogue but the
artefacts. P comes from the limiting law (`replicates=0`), or by default from drawn spectra where
that law fails. About half of all null spectra have no trace of the target and P = 1; the test is
calibrated where the share with P below a small nominal value is that value.
"""

from collections.abc import Iterator
from itertools import product

import click
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from report import HERE, renew
from scipy.stats import binom
from signature_sets import NOISE, STRANGE

from allrelapse import figures
from allrelapse.data import reference
from allrelapse.signatures import presence

MIXTURES = {
    "leukaemia": ("SBS87", {"SBS1": 0.25, "SBS5": 0.55, "SBS18": 0.2}),
    "neighbours of SBS87": ("SBS87", {"SBS1": 0.6, "SBS6": 0.2, "SBS5": 0.2}),
    "neighbours of SBS86": ("SBS86", {"SBS39": 0.3, "SBS13": 0.3, "SBS3": 0.2, "SBS5": 0.2}),
}
USUAL = [
    "SBS1", "SBS2", "SBS3", "SBS5", "SBS8", "SBS13", "SBS18", "SBS39", "SBS40", "SBS86", "SBS87",
    *reference.MISMATCH_REPAIR,
]  # fmt: skip
SIZES = (30, 100, 300, 1000)
COUNTS = {"Poisson": "#0072B2", "scattered": "#D55E00", "hard": "#009E73"}
NOMINAL = (0.01, 0.05, 0.2)
LAWS = {"limiting law": {"replicates": 0}, "drawn spectra": {}}
LARGEST = {30: 0.10, 100: 0.07, 300: 0.07, 1000: 0.07}
"""Size at nominal .05 that is promised of the default, by the number of mutations."""
CATALOGUE = reference.cosmic()


def spectra(mixture: dict[str, float], size: int, counts: str, n: int) -> pd.DataFrame:
    """Spectra of about `size` mutations."""
    rng = np.random.default_rng([size, list(COUNTS).index(counts), len(mixture)])
    mean = size * (CATALOGUE[list(mixture)] @ list(mixture.values())).to_numpy()[:, None]
    rates = mean * np.ones(n)
    if counts == "scattered":  # Gamma with a variance as large as its mean
        rates = rng.gamma(rates)
    if counts == "hard":
        strangers = rng.dirichlet(np.full(len(CATALOGUE), 0.3), size=10)[rng.integers(10, size=n)]
        rates = (1 - STRANGE) * rates + STRANGE * size * strangers.T
        rates *= rng.gamma(1 / NOISE**2, NOISE**2, rates.shape)
    return pd.DataFrame(rng.poisson(rates), CATALOGUE.index, [f"S{i:04d}" for i in range(n)])


def measured(n: int) -> Iterator[pd.DataFrame]:
    """P of every spectrum, by every law."""
    whole = CATALOGUE.drop(columns=sorted(reference.ARTEFACTS))
    tables = {"leukaemia's": whole[reference.named(whole, USUAL)], "all": whole}
    cases = product(MIXTURES.items(), COUNTS, SIZES, tables.items(), LAWS.items())
    for (name, (target, mixture)), counts, size, (candidates, table), (law, how) in cases:
        p = presence(spectra(mixture, size, counts, n), table, target, level=None, **how)
        about = {"made of": name, "target": target, "candidates": candidates, "counts": counts}
        yield pd.DataFrame({**about, "mutations": size, "law": law, "p": p["p_value"]})


def summary(p: pd.DataFrame) -> pd.DataFrame:
    """Share of spectra below each nominal P, a row per case and law."""
    case = ["made of", "target", "candidates", "counts", "mutations", "law"]
    below = {f"P < {at:g}": p["p"] < at for at in NOMINAL}
    return p[case].assign(**below).groupby(case, sort=False).mean().reset_index()


def ranges(table: pd.DataFrame) -> str:
    """Least, mean and largest size over mixtures and candidates, as Markdown."""
    columns = [f"P < {at:g}" for at in NOMINAL]
    by = table.groupby(["law", "counts", "mutations"], sort=False)[columns]
    least, mean, most = by.min(), by.mean(), by.max()
    rows = mean.map("{:.3f}".format) + " (" + least.map("{:.3f}".format)
    rows += "–" + most.map("{:.3f}".format) + ")"
    return rows.reset_index().to_markdown(index=False)


def broken(table: pd.DataFrame, n: int) -> list[str]:
    """Cases in which the default finds too much by more than Monte Carlo error (P < .001).

    Where the candidates did not make all mutations nothing is promised.
    """
    told = []
    judged = table[(table["law"] == "drawn spectra") & (table["counts"] != "hard")]
    for _, row in judged.iterrows():
        bound = LARGEST[row["mutations"]]
        if binom.sf(round(row["P < 0.05"] * n) - 1, n, bound) < 1e-3:
            told.append(f"{row.to_dict()}: at most {bound:g} was promised")
    return told


def draw(p: pd.DataFrame) -> None:
    """Observed against nominal size, each line a case."""
    figures.style()
    grid = np.linspace(0.005, 0.3, 60)
    figure, axes = plt.subplots(
        2, len(SIZES), figsize=(figures.PAGE, 3.6), sharex=True, sharey=True
    )
    for i, law in enumerate(LAWS):
        for ax, size in zip(axes[i], SIZES, strict=True):
            chosen = p[(p["law"] == law) & (p["mutations"] == size)]
            for (_, counts, _), part in chosen.groupby(["made of", "counts", "candidates"]):
                observed = [part["p"].lt(at).mean() for at in grid]
                ax.plot(grid, observed, lw=0.8, color=COUNTS[counts])
            ax.axline((0, 0), slope=1, color="#777777", lw=0.8, ls="--")
            if i == 0:
                ax.set_title(f"{size} mutations")
        axes[i][0].set_ylabel(f"{law}:\nshare of spectra below")
    for ax in axes[-1]:
        ax.set_xlabel("nominal P")
    for label, colour in COUNTS.items():
        axes[0][0].plot([], [], color=colour, label=label)
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(HERE / "results" / "presence_calibration.png", dpi=200)


@click.command(help="Size of the test of presence, on spectra without the signature.")
@click.option("--spectra", "n", type=click.IntRange(50), default=1000, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the files of results.")
def main(n: int, writes: bool) -> None:
    """Measure, print a table, and fail where a promise is broken."""
    p = pd.concat(measured(n))
    table = summary(p)
    click.echo(ranges(table))
    if writes:
        renew("presence_calibration", ranges(table), table)
        draw(p)
    if told := broken(table, n):
        raise SystemExit("\n".join(told))


if __name__ == "__main__":
    main()

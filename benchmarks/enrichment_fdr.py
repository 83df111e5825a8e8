"""Are genes found that are not under selection, and are those found that are?

    OMP_NUM_THREADS=1 python benchmarks/enrichment_fdr.py --cohorts 60 --write

In simulated cohorts of 103 relapses a gene is *planted* if one of its changes made a clone resist
in any of them. All other genes are null. In `scattered` cohorts chance changes fall on genes with
rates of their own (gamma, squared coefficient of variation .5), as they do in real genomes.

recurrence       `enrichment.recurrence`, which learns how genes scatter
no scatter       the same as if they did not
gained or lost   `enrichment.relapse_specific`, McNemar's exact test

false share  of what is found below a q, mean over cohorts, with its standard error; 0 where
             nothing is found. This is the false discovery rate, which q promises not to exceed
carried by   share of planted genes found at q < .05, by the relapses that carry them
area         under the ROC curve: planted genes seen in any relapse against all null genes
"""

import click
import numpy as np
import pandas as pd
from report import renew
from scipy.stats import rankdata

from allrelapse import enrichment, signatures, simulate
from allrelapse.data import genome, reference
from allrelapse.enrichment.background import Background

Q = (0.05, 0.2)
SCATTER = 0.5
CARRIERS = {"1": (1, 1), "2 to 4": (2, 4), "5 or more": (5, 10**6)}
PLACES = genome.gene_opportunities()
CATALOGUE = reference.cosmic()
MENU = CATALOGUE[reference.named(CATALOGUE, reference.LEUKAEMIA)]


def gained_by_chance(
    gained: pd.DataFrame, planted: set[str], rng: np.random.Generator
) -> pd.DataFrame:
    """The same changes, those of null genes dropped anew on genes that have rates of their own."""
    length = PLACES.sum(axis=1).drop(list(planted))
    weight = length * rng.gamma(1 / SCATTER, SCATTER, len(length))
    null = ~gained["gene"].isin(planted)
    moved = gained.copy()
    moved.loc[null, "gene"] = rng.choice(length.index, null.sum(), p=weight / weight.sum())
    return moved


def found(
    gained: pd.DataFrame, rates: pd.DataFrame, scattered: bool
) -> dict[str, "pd.Series[float]"]:
    """P of every gene by each method that looks at gains alone."""
    chance = enrichment.background(gained, rates, PLACES, genome.opportunities())
    flat = Background(chance.per_site, chance.opportunities, chance.shares, 0.0)
    models = {"recurrence": chance} | ({"no scatter": flat} if scattered else {})
    return {
        name: enrichment.recurrence(gained, model).set_index("gene")["p_value"]
        for name, model in models.items()
    }


def judged(p_values: "pd.Series[float]", carriers: "pd.Series[int]") -> dict[str, float]:
    """One cohort by one method: false share, found by carriers, area under the curve."""
    p = p_values.reindex(PLACES.index.union(carriers.index), fill_value=1.0)
    planted = p.index.isin(carriers.index)
    order = np.argsort(p.to_numpy(), kind="stable")
    q = p.to_numpy()[order] * len(p) / np.arange(1, len(p) + 1)
    below = np.empty(len(p))
    below[order] = np.minimum.accumulate(q[::-1])[::-1]
    sure, result = below < Q[0], {"found": (below < Q[0]).sum()}
    for nominal in Q:
        chosen = below < nominal
        result[f"false share, q < {nominal:g}"] = (chosen & ~planted).sum() / max(chosen.sum(), 1)
    for name, (low, high) in CARRIERS.items():
        some = p.index.isin(carriers.index[carriers.between(low, high)])
        result[f"carried by {name}"] = sure[some].mean() if some.any() else np.nan
    ranks, n = rankdata(-p.to_numpy()), planted.sum()
    area = (ranks[planted].sum() - n * (n + 1) / 2) / (n * (~planted).sum()) if n else np.nan
    return result | {"area": area}


def one_cohort(seed: int) -> list[dict[str, object]]:
    """All methods on the cohort of a seed, as it is and with genes that scatter."""
    cohort = simulate.cohort(seed, serial_patients=0)
    seen = signatures.occurrence(cohort.mutations, cohort.samples)
    rates = enrichment.gained_rates(seen, MENU)
    gained = enrichment.gains(seen)
    gained = gained[gained["patient"].isin(rates.columns)].reset_index(drop=True)
    clones = cohort.truth["clones"].dropna(subset=["gene"])
    planted = set(clones["gene"])
    hit = gained[gained["gene"].isin(planted)].groupby("gene")["patient"].nunique()
    paired = enrichment.relapse_specific(cohort.mutations, cohort.samples).set_index("gene")
    rows = []
    for kind in ("as simulated", "scattered"):
        scattered = kind == "scattered"
        chosen = gained
        if scattered:
            chosen = gained_by_chance(gained, planted, np.random.default_rng(seed))
        methods = found(chosen, rates, scattered)
        if not scattered:
            methods["gained or lost"] = paired["p_value"]
        rows += [
            {"cohorts": kind, "method": name, "seed": seed, **judged(p, hit)}
            for name, p in methods.items()
        ]
    return rows


@click.command(help="False discoveries and power of the tests of genes, on simulated cohorts.")
@click.option("--cohorts", type=click.IntRange(2), default=60, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(cohorts: int, writes: bool) -> None:
    """Judge the cohorts of seeds 1, 2, ... and print a table; exit code 1 if q is not kept."""
    rows = pd.DataFrame([row for seed in range(1, cohorts + 1) for row in one_cohort(seed)])
    by = rows.drop(columns="seed").groupby(["cohorts", "method"], sort=False)
    table, shares = by.mean(), [f"false share, q < {nominal:g}" for nominal in Q]
    errors = by[shares].sem()
    for name in shares:
        table.insert(
            table.columns.get_loc(name) + 1, name.replace("false share", "± SE"), errors[name]
        )
    text = table.reset_index().to_markdown(index=False, floatfmt=".3f")
    click.echo(text)
    kept = table.drop(index="no scatter", level="method")
    broken = [
        (cohort, method, nominal)
        for nominal, name in zip(Q, shares, strict=True)
        for cohort, method in kept.index[kept[name] > nominal + 2 * errors.loc[kept.index, name]]
    ]
    if writes:
        renew("enrichment_fdr", text, rows)
    if broken:
        raise SystemExit(f"more false finds than q allows: {broken}")


if __name__ == "__main__":
    main()

"""In how many simulated cohorts do SBS86 and SBS87 come out when nobody looks for them?

    OMP_NUM_THREADS=1 python benchmarks/extract_cohorts.py --cohorts 8 --write

The rule for the number of signatures, the sparse prior and the split into the mutations of the
diagnosis and those gained at relapse were chosen while looking at the cohorts of seeds 1 to 5; all
others were looked at only afterwards. `--write` renews results/extract_cohorts.csv and the table
in README.md.
"""

import click
import pandas as pd
from extract_signatures import TARGETS, recovered
from report import renew

from allrelapse import signatures, simulate
from allrelapse.signatures.compare import NOVEL
from allrelapse.simulate import planted

DEVELOPED = 5
"""Seeds 1 to this one were looked at while the method was made."""


def one_cohort(seed: int, most: int, replicates: int) -> dict[str, object]:
    """What came out of one cohort, beside what was planted in it."""
    cohort = simulate.cohort(seed)
    counts = signatures.gained_spectra(cohort.mutations, cohort.samples)
    found = signatures.extract(counts, range(2, most + 1), replicates, seed=1)
    laid = planted.exposures(cohort)["SBS86"]
    return {
        "seed": seed,
        "developed on": seed <= DEVELOPED,
        "rank": found.rank,
        **recovered(found.signatures),
        "least silhouette": float(found.silhouettes.min()),
        "planted SBS86 mutations": int(laid.sum()),
        "carriers": int((laid > 0).sum()),
    }


@click.command(help="Extraction from several simulated cohorts.")
@click.option("--cohorts", type=click.IntRange(1), default=8, show_default=True)
@click.option("--most", type=click.IntRange(2, 26), default=6, show_default=True)
@click.option("--replicates", type=click.IntRange(2), default=50, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(cohorts: int, most: int, replicates: int, writes: bool) -> None:
    """Extract from the cohorts of seeds 1, 2, ... and print a table."""
    table = pd.DataFrame([one_cohort(s, most, replicates) for s in range(1, cohorts + 1)])
    click.echo(table.to_markdown(index=False, floatfmt=".3f"))
    for target in TARGETS:
        times = int((table[f"cosine {target}"] >= NOVEL).sum())
        click.echo(f"{target} came out (cosine {NOVEL:g} or more) in {times} of {cohorts}")
    if writes:
        shown = table.replace({"developed on": {True: "yes", False: "no"}})
        renew("extract_cohorts", shown.to_markdown(index=False, floatfmt=".3f"), table)


if __name__ == "__main__":
    main()

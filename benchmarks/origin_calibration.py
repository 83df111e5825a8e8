"""Are the probable routes of relapses, by `evolution.origin`, as often right as they say?

    OMP_NUM_THREADS=1 python benchmarks/origin_calibration.py --cohorts 30 --write

Simulated cohorts of 103 relapses, seeds 201, 202, ...: others than those on which the model was
developed (1, 11 to 16 and 101 to 130). Takes about a quarter of a minute a cohort on one core.

evidence   what is used: the day of relapse, gained mutations, residual disease, and doubling times
           where there are serial samples; `serial` rows are of the 16 patients who have them
told, true mean probability of a founder before diagnosis, and the planted share
Brier      mean squared miss; `average` is that of whoever tells everybody the true share
route      share of relapses whose most probable of three routes is the planted one
held       share of 90 % intervals of the founder's day that hold the planted one
"""

import click
import numpy as np
import pandas as pd
from report import renew

from allrelapse import signatures, simulate
from allrelapse.data import reference
from allrelapse.evolution import evidence
from allrelapse.evolution.doubling import doubling_time
from allrelapse.evolution.origin import origin
from allrelapse.simulate import planted

FIRST = 201
USE = {
    "day": ("timing",),
    "day, mutations": ("timing", "mutations"),
    "day, mutations, residual": ("timing", "mutations", "residual"),
    "all": ("timing", "mutations", "residual", "serial"),
}
BINS = [0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1]
SLACK = 0.05
"""By which told and true may differ in a group of timing, beside three standard errors."""


def known(cohort) -> pd.DataFrame:
    """The evidence of a cohort, from its tables alone."""
    spectra = signatures.gained_spectra(cohort.mutations, cohort.samples)
    samples = cohort.samples.set_index("sample").loc[spectra.columns]
    catalogue = reference.cosmic()
    menu = catalogue[reference.named(catalogue, reference.LEUKAEMIA)]
    relapse = (samples["stage"] == "relapse").to_numpy()
    exposures = signatures.refit(spectra.loc[:, relapse], menu).exposures
    exposures = exposures.set_axis(samples.loc[exposures.index, "patient"])
    seen = signatures.occurrence(cohort.mutations, cohort.samples)
    reads = evidence.founder_reads(cohort.serial_samples, cohort.serial_variants, seen)
    pace = doubling_time(reads).patients
    return evidence.gained(cohort.patients, exposures, pace)


def one_cohort(seed: int) -> pd.DataFrame:
    """Every relapse by each kind of evidence: what is told, and what was planted."""
    cohort = simulate.cohort(seed)
    table, truth = known(cohort), planted.founders(cohort)
    timing = cohort.patients.set_index("patient")["timing"]
    parts = []
    for name, use in USE.items():
        found = origin(table, use=use)
        day = truth["founded_day"].reindex(table.index)
        part = pd.DataFrame(
            {
                "evidence": name,
                "timing": timing,
                "serial": table["doubling"].notna(),
                "told": found.before_diagnosis,
                "true": truth["before_diagnosis"].astype(float),
                "right": found.probability.idxmax(axis=1) == truth["route"],
                "held": (found.founded["lower"] <= day) & (day <= found.founded["upper"]),
            }
        )
        parts.append(part.assign(seed=seed))
    return pd.concat(parts)


def row(rows: pd.DataFrame) -> dict[str, float]:
    """One line of the table."""
    true = rows["true"].mean()
    return {
        "relapses": len(rows),
        "told": rows["told"].mean(),
        "true": true,
        "Brier": ((rows["told"] - rows["true"]) ** 2).mean(),
        "average": true * (1 - true),
        "route": rows["right"].mean(),
        "held": rows["held"].mean(),
    }


def tables(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores by evidence and group, and the reliability of all evidence."""
    lines = []
    for name, part in rows.groupby("evidence", sort=False):
        groups = {"all": part} | dict(list(part.groupby("timing")))
        groups["serial"] = part[part["serial"]]
        lines += [{"evidence": name, "group": g, **row(p)} for g, p in groups.items()]
    last = rows[rows["evidence"] == "all"]
    cut = pd.cut(last["told"], BINS, include_lowest=True)
    bins = last.groupby(cut, observed=True).agg(
        relapses=("told", "size"), told=("told", "mean"), true=("true", "mean")
    )
    return pd.DataFrame(lines), bins.rename_axis("probability").reset_index()


@click.command(help="Calibration of the routes of relapses, on simulated cohorts.")
@click.option("--cohorts", type=click.IntRange(2), default=30, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(cohorts: int, writes: bool) -> None:
    """Judge the cohorts and print two tables; exit code 1 where told and true are too far apart."""
    rows = pd.concat([one_cohort(FIRST + k) for k in range(cohorts)])
    scores, bins = tables(rows)
    text = "\n\n".join(
        table.assign(**{c: table[c].astype(str) for c in table if table[c].dtype == "category"})
        .to_markdown(index=False, floatfmt=".3f")
        for table in (scores, bins)
    )  # fmt: skip
    click.echo(text)
    if writes:
        renew("origin_calibration", text, scores)
    judged = scores[(scores["evidence"] == "all") & (scores["group"] != "serial")]
    error = np.sqrt(judged["average"] / judged["relapses"])
    far = (judged["told"] - judged["true"]).abs() > SLACK + 3 * error
    if far.any():
        raise SystemExit(f"told and true differ in {list(judged.loc[far, 'group'])}")


if __name__ == "__main__":
    main()

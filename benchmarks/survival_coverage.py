"""Are planted hazard ratios found again, without bias, and in 95 % of the intervals?

    OMP_NUM_THREADS=1 python benchmarks/survival_coverage.py --write

Takes about four minutes on one core. Cohorts of relapses are drawn with the law of
`simulate.clinic`: deaths are Weibull, by timing, times the planted hazard ratios of the features,
which patients have at random. Days are whole numbers, and follow-up ends after 1 to 10 years.

Cox     `survival.cox`, Efron's ties, stratified by timing, Wald intervals
Firth   `survival.firth`, timing as two covariates, profile intervals

estimate  exp of the mean log hazard ratio over cohorts
bias      mean log hazard ratio minus the planted one, with its Monte Carlo error
coverage  of the 95 % interval, with its Monte Carlo error
none      share of cohorts without a finite estimate (nobody with the feature died, or had it);
          the other columns are of the rest
"""

import click
import numpy as np
import pandas as pd
from report import renew

from allrelapse import survival
from allrelapse.data.published import TIMING
from allrelapse.errors import InputError
from allrelapse.simulate import Settings, clinic

SETTINGS = Settings()
SHARES = {"NT5C2": 0.2, "TP53": 0.15, "T lineage": 0.12}  # of patients with the feature; assumed
MIX = (0.2, 0.55, 0.25)  # very early, early, late
SIZES = (40, 103, 400)
ABOUT = {"time": "years", "event": "dead"}
HELD = (0.93, 0.97)


def patients(number: int, rng: np.random.Generator) -> pd.DataFrame:
    """A cohort of relapses: years since relapse, death, timing, features."""
    rows = []
    for _ in range(number):
        timing = TIMING[rng.choice(3, p=MIX)]
        has = {name: int(rng.random() < share) for name, share in SHARES.items()}
        after = clinic.outcome(timing, {n for n, one in has.items() if one}, SETTINGS, rng)
        years = after.follow_up / survival.YEAR
        rows.append({"timing": timing, "years": years, "dead": int(after.dead)} | has)
    table = pd.DataFrame(rows)
    return table.assign(**{name: (table["timing"] == name).astype(int) for name in TIMING[1:]})


def fits(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Coefficients by method, of the features that some have and others not."""
    names = [name for name in SHARES if 0 < table[name].sum() < len(table)]
    groups = [name for name in TIMING[1:] if 0 < table[name].sum() < len(table)]
    found = {"Firth": survival.firth(table, covariates=[*names, *groups], **ABOUT).coefficients}
    try:
        fit = survival.cox(table, covariates=names, strata=["timing"], **ABOUT)
        found["Cox"] = fit.coefficients
    except InputError:  # one has no finite estimate: leave it out, as one would by hand
        kept = [name for name in names if table.loc[table[name] == 1, "dead"].any()]
        try:
            fit = survival.cox(table, covariates=kept, strata=["timing"], **ABOUT)
            found["Cox"] = fit.coefficients
        except InputError:
            found["Cox"] = pd.DataFrame(columns=found["Firth"].columns)
    return found


def cohort(seed: int, size: int) -> list[dict[str, object]]:
    """One row per method and feature; values missing where there is no estimate."""
    found = fits(patients(size, np.random.default_rng([size, seed])))
    rows = []
    for method, coefficients in found.items():
        known = coefficients.set_index("covariate").reindex(SHARES)
        for name, row in known.iterrows():
            values = row[["log_hazard", "lower", "upper"]].to_dict()
            rows.append({"patients": size, "method": method, "feature": name} | values)
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per size, method and feature."""
    planted = rows["feature"].map(SETTINGS.hazard_ratios).astype(float)
    rows = rows.assign(
        planted=planted,
        error=rows["log_hazard"] - np.log(planted),
        held=((rows["lower"] <= planted) & (planted <= rows["upper"])).astype(float),
    )
    rows["none"] = rows["log_hazard"].isna()
    rows.loc[rows["none"], "held"] = np.nan
    by = rows.groupby(["patients", "method", "feature"], sort=False)
    number, coverage = by["error"].count(), by["held"].mean()
    return pd.DataFrame(
        {
            "cohorts": by.size(),
            "planted": by["planted"].first(),
            "estimate": np.exp(by["log_hazard"].mean()),
            "bias": by["error"].mean(),
            "± SE, bias": by["error"].std() / np.sqrt(number),
            "coverage": coverage,
            "± SE": np.sqrt(coverage * (1 - coverage) / number),
            "none": by["none"].mean(),
        }
    ).reset_index()


@click.command(help="Bias and coverage of hazard ratios, on simulated cohorts.")
@click.option("--seeds", type=click.IntRange(2), default=300, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(seeds: int, writes: bool) -> None:
    """Fit cohorts of seeds 1, 2, ...; exit code 1 if coverage over features is not kept."""
    rows = [row for size in SIZES for seed in range(1, seeds + 1) for row in cohort(seed, size)]
    table = summary(pd.DataFrame(rows))
    text = table.to_markdown(index=False, floatfmt=".3f")
    click.echo(text)
    if writes:
        renew("survival_coverage", text, table)
    # what fewer patients cost is shown, not promised
    large = table[table["patients"] == max(SIZES)]
    together = large.groupby("method")["coverage"].mean()
    broken = together[~together.between(*HELD)]
    if len(broken):
        raise SystemExit(f"coverage is not {HELD[0]:.0%} to {HELD[1]:.0%}: {broken.to_dict()}")


if __name__ == "__main__":
    main()

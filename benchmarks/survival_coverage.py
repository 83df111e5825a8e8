"""Are planted hazard ratios found again, without bias, and in 95 % of the intervals?

    OMP_NUM_THREADS=1 python benchmarks/survival_coverage.py --write

Takes about four minutes on one core. Cohorts of relapses are drawn with the law of
`simulate.clinic`: deaths are Weibull, by timing, times the planted hazard ratios of the features,
which patients have at random. Days are whole numbers, and follow-up ends after 1 to 10 years.

Cox      `survival.cox`, Efron's ties, stratified by timing, Wald intervals
profile  `survival.firth`, timing as two covariates, profile intervals
redrawn  the same with intervals that allow for what estimates of redrawn cohorts do

estimate  exp of the mean log hazard ratio over cohorts
bias      mean log hazard ratio minus the planted one, with its Monte Carlo error
coverage  of the 95 % interval, with its Monte Carlo error
P         exact binomial, that coverage is 95 %
none      share of cohorts without a finite estimate (nobody with the feature died);
          the other columns are of the rest
limit     why 95 % is not promised; of all other rows none may have P below .01 over their number

Features that fewer than five patients of a cohort have are told together, in rows of their own.
"""

import click
import numpy as np
import pandas as pd
from report import renew
from scipy.stats import binomtest

from allrelapse import survival
from allrelapse.data.published import TIMING
from allrelapse.errors import InputError
from allrelapse.simulate import Settings, clinic

SETTINGS = Settings()
SHARES = {"NT5C2": 0.2, "TP53": 0.15, "T lineage": 0.12}  # of patients with the feature; assumed
MIX = (0.2, 0.55, 0.25)  # very early, early, late
SIZES = (40, 103, 400)
ABOUT = {"time": "years", "event": "dead"}
FEW, RARE = 5, "had by 1 to 4"  # patients with a feature
SHOWN = 30  # cohorts of a row, at least
REDRAWS = 100
LIMITS = {
    (40, "Cox"): "8 deaths a covariate (1)",
    (40, "profile"): "5 deaths a covariate (1, 2)",
    (103, "profile"): "rare feature (2)",
    RARE: "under 5 with it (1)",
}
FAMILY = 0.01


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
    about = ABOUT | {"covariates": [*names, *groups]}
    found = {
        "profile": survival.firth(table, **about).coefficients,
        "redrawn": survival.firth(table, redraws=REDRAWS, **about).coefficients,
    }
    died = [name for name in names if table.loc[table[name] == 1, "dead"].any()]
    for kept in (names, died):  # one has no finite estimate: leave it out, as one would by hand
        try:
            fit = survival.cox(table, covariates=kept, strata=["timing"], **ABOUT)
        except InputError:
            continue
        return {"Cox": fit.coefficients} | found
    return {"Cox": found["profile"].iloc[:0]} | found


def cohort(seed: int, size: int) -> list[dict[str, object]]:
    """One row per method and feature; values missing where there is no estimate."""
    table = patients(size, np.random.default_rng([size, seed]))
    rows = []
    for method, coefficients in fits(table).items():
        known = coefficients.set_index("covariate").reindex(SHARES)
        for name, row in known[table[list(SHARES)].any()].iterrows():
            values = row[["log_hazard", "lower", "upper"]].to_dict()
            named = {"feature": name, "have": table[name].sum()}
            rows.append({"patients": size, "method": method} | named | values)
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per size, method and feature."""
    planted = rows["feature"].map(SETTINGS.hazard_ratios).astype(float)
    held = rows["lower"].le(planted) & rows["upper"].ge(planted)
    rows = rows.assign(
        planted=planted,
        error=rows["log_hazard"] - np.log(planted),
        held=held.astype(float).where(rows["log_hazard"].notna()),
        none=rows["log_hazard"].isna(),
    )
    few = rows["have"] < FEW
    rows.loc[few, ["feature", "planted", "log_hazard"]] = RARE, np.nan, np.nan
    by = rows.groupby(["patients", "method", "feature"], sort=False)
    number, held, coverage = by["held"].count(), by["held"].sum(), by["held"].mean()
    judged = zip(held.astype(int), number, strict=True)
    table = pd.DataFrame(
        {
            "cohorts": by.size(),
            "planted": by["planted"].first(),
            "estimate": np.exp(by["log_hazard"].mean()),
            "bias": by["error"].mean(),
            "± SE, bias": by["error"].std() / np.sqrt(number),
            "coverage": coverage,
            "± SE": np.sqrt(coverage * (1 - coverage) / number),
            "P": [binomtest(k, n, 0.95).pvalue if n else np.nan for k, n in judged],
            "none": by["none"].mean(),
        }
    ).reset_index()
    cells = zip(table["patients"], table["method"], table["feature"], strict=True)
    table["limit"] = [LIMITS.get(RARE if f == RARE else (n, m), "") for n, m, f in cells]
    return table[table["cohorts"] >= SHOWN].reset_index(drop=True)


@click.command(help="Bias and coverage of hazard ratios, on simulated cohorts.")
@click.option("--seeds", type=click.IntRange(2), default=200, show_default=True)
@click.option("--first", type=int, default=1001, show_default=True, help="First seed.")
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(seeds: int, first: int, writes: bool) -> None:
    """Fit cohorts of consecutive seeds; exit code 1 if a row without a limit is not nominal."""
    rows = []
    for size in SIZES:  # more of the smallest, as rare features are told apart there
        for seed in range(first, first + seeds * (2 if size == SIZES[0] else 1)):
            rows += cohort(seed, size)
    table = summary(pd.DataFrame(rows))
    text = table.to_markdown(index=False, floatfmt=".3f")
    click.echo(text)
    if writes:
        renew("survival_coverage", text, table)
    promised = table[table["limit"] == ""]
    broken = promised[promised["P"] < FAMILY / max(len(promised), 1)]
    if len(broken):
        raise SystemExit(f"coverage is not 95 %:\n{broken.to_string(index=False)}")


if __name__ == "__main__":
    main()

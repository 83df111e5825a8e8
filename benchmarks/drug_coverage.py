"""Coverage of intervals of IC50s, areas and fold changes, and size of the test, as planted.

Wells are those of `simulate.dish`, with the settings of each set. For every line and drug the wild
type gives an IC50 and an area, a genotype that changes nothing a test, and one that changes the
IC50 2.5- to 26-fold, within the tested doses, a fold change; each pair has plates of its own.

cohort      as in the simulated cohort: 8 doses and untreated wells, 2 plates of 3 repeats, wells
            scatter by .05 of untreated ones, plates by 3 %, 1 well in 100 went wrong
wild        1 well in 10 did
few         1 plate, 1 repeat: 9 wells for 4 parameters; none went wrong
uneven      wells scatter by 8 % of the viability and .01, instead of by .05; none went wrong

allrelapse  `drugs.fit_curve` and `drugs.fold_changes` with their defaults
Wald        what people do: divide by the plate's untreated wells, fit with scipy's `curve_fit`,
            standard errors of log IC50 with Student's t; two curves by the root of the summed
            squares

bias        median of estimate / truth - 1 of the absolute IC50
IC50, area, fold   coverage of 95 % intervals
test        how often P < .05 although both IC50s are the same; should be .05
shape       how often P < .05 although both curves have one shape (`p_parallel`); should be .05
no number   share of IC50s of the wild type that are not told; they count as covered if the interval
            holds the truth
± SE        the largest binomial standard error of the row
least P     the smallest exact binomial P of the row that a coverage is 95 %, or a size 5 %; of ours
            none may be below .01 over the number of all that are judged
"""

from collections.abc import Callable

import click
import numpy as np
import pandas as pd
from report import renew
from scipy.optimize import curve_fit
from scipy.special import expit
from scipy.stats import binomtest
from scipy.stats import t as student

from allrelapse import drugs
from allrelapse.simulate import Settings, dish

CHANGED = {
    "6-thioguanine": "MSH6 knock-down",
    "6-mercaptopurine": "NT5C2 p.R367Q",
    "methotrexate": "FPGS loss",
    "cytarabine": "TP53 p.R248Q",
}
SETS: dict[str, dict[str, float]] = {
    "cohort": {},
    "wild": {"outliers": 0.1},
    "few": {"plates": 1, "replicates": 1, "outliers": 0.0},
    "uneven": {"viability_noise": 0.0, "outliers": 0.0},
}
FAMILY = 0.01
JUDGED = {"IC50": 0.95, "area": 0.95, "fold": 0.95, "test": 0.05, "shape": 0.05}
Judged = dict[str, float]


def wells(name: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Wells of a set and the planted curves, of the genotypes that are judged."""
    rng = np.random.default_rng([seed, *name.encode()])
    table, planted = dish.viability(Settings().model_copy(update=SETS[name]), rng)
    if name == "uneven":
        spread = 0.01 + 0.08 * table["viability"]
        table["viability"] += rng.standard_normal(len(table)) * spread
    changed = table["genotype"] == table["drug"].map(CHANGED)
    same = table["genotype"] == table["drug"].map(unchanged)
    return table[changed | same | (table["genotype"] == "wild type")], planted


def unchanged(drug: str) -> str:
    """A genotype that does nothing to a drug."""
    return "FPGS loss" if drug == "prednisolone" else "NR3C1 loss"


def ours(base: pd.DataFrame, same: pd.DataFrame, changed: pd.DataFrame) -> Judged:
    """IC50, area, tests and fold change by `drugs`."""
    fit = drugs.fit_curve(base)
    found = {"ic50": fit.ic50.value, "lower": fit.ic50.lower, "upper": fit.ic50.upper}
    found |= {"area_lower": fit.auc.lower, "area_upper": fit.auc.upper}
    folds = drugs.fold_changes(pd.concat([base, same, changed])).set_index("genotype")
    null = folds.loc[same["genotype"].iloc[0]]
    found |= {"p": null["p_value"], "p_shape": null["p_parallel"]}
    if len(changed):
        fold = folds.loc[changed["genotype"].iloc[0]]
        found |= {"fold_lower": fold["fold_lower"], "fold_upper": fold["fold_upper"]}
    return found


def wald(base: pd.DataFrame, same: pd.DataFrame, changed: pd.DataFrame) -> Judged:
    """The same without area, from scipy's fits of single curves and their standard errors."""
    place, error, freedom = scipy_fit(base)
    half = student.ppf(0.975, freedom) * error
    ends = safe_exp(np.array([place, place - half, place + half]))
    found = dict(zip(("ic50", "lower", "upper"), map(float, ends), strict=True))
    other, other_error, _ = scipy_fit(same)
    both = np.hypot(error, other_error)
    found["p"] = 2 * float(student.sf(abs(other - place) / both, 2 * freedom))
    if len(changed):
        other, other_error, _ = scipy_fit(changed)
        half = student.ppf(0.975, 2 * freedom) * np.hypot(error, other_error)
        ends = safe_exp(other - place + np.array([-half, half]))
        found |= dict(zip(("fold_lower", "fold_upper"), map(float, ends), strict=True))
    return found


def safe_exp(x: np.ndarray) -> np.ndarray:
    """Without a word if it is too large."""
    return np.exp(np.clip(x, -700, 700))


def scipy_fit(table: pd.DataFrame) -> tuple[float, float, int]:
    """Logarithm of the absolute IC50 of normalised wells, its standard error, and freedom."""
    untreated = table[table["dose"] == 0].groupby("plate")["viability"].mean()
    treated = table[table["dose"] > 0]
    share = treated["viability"] / treated["plate"].map(untreated)
    log_dose = np.log(treated["dose"].to_numpy())

    def law(x: np.ndarray, place: float, hill: float, top: float, bottom: float) -> np.ndarray:
        middle = place - np.log(max((top - 0.5) / max(0.5 - bottom, 1e-6), 1e-6)) / hill
        return bottom + (top - bottom) * expit(-hill * (x - middle))

    start = [log_dose[np.argmin(np.abs(share - 0.5))], 1.0, 1.0, 0.0]
    try:
        found, covariance = curve_fit(law, log_dose, share, start, maxfev=5000)
    except RuntimeError:
        return np.nan, np.nan, len(share) - 4
    return float(found[0]), float(np.sqrt(covariance[0, 0])), len(share) - 4


METHODS: dict[str, Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], Judged]] = {
    "allrelapse": ours,
    "Wald": wald,
}


def judged(name: str, seed: int) -> list[dict[str, object]]:
    """One simulated dish: a row per line, drug and method, with the truth."""
    table, planted = wells(name, seed)
    ic50 = planted.set_index(["line", "genotype", "drug"])["ic50"]
    rows: list[dict[str, object]] = []
    for (line, drug), group in table.groupby(["line", "drug"]):
        base, same, changed = (
            group[group["genotype"] == genotype]
            for genotype in ("wild type", unchanged(drug), CHANGED.get(drug))
        )
        relative = ic50[line, "wild type", drug]
        doses = base.loc[base["dose"] > 0, "dose"]
        ends = {"lowest": doses.min(), "highest": doses.max()}
        truth: dict[str, object] = {
            "true_ic50": float(drugs.absolute_ic50(relative, dish.HILL, dish.FLOOR)),
            "true_area": drugs.area(relative, dish.HILL, dish.FLOOR, **ends),
        }
        if drug in CHANGED:
            truth["true_fold"] = ic50[line, CHANGED[drug], drug] / relative
        for method, judge in METHODS.items():
            found = judge(base, same, changed)
            rows.append({"set": name, "method": method, **truth, **found})
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per set and method."""
    number = rows["ic50"].where(rows["ic50"].between(1e-12, 1e12))
    folds = rows["fold_lower"].notna()
    told = pd.DataFrame(
        {
            "curves": 1.0,
            "bias": number / rows["true_ic50"] - 1,
            "no number": number.isna(),
            "IC50": rows["true_ic50"].between(rows["lower"], rows["upper"]),
            "area": within(rows, "area"),
            "fold": within(rows, "fold"),
            "test": (rows["p"] < 0.05).where(rows["p"].notna()),
            "shape": (rows["p_shape"] < 0.05).where(rows["p_shape"].notna()),
            "folds": folds,
        }
    )
    by = told.astype(float).groupby([rows["set"], rows["method"]], sort=False)
    table = by.mean()
    table["curves"], table["bias"] = by["curves"].sum().astype(int), by["bias"].median()
    folds = by["folds"].sum()
    sizes = {"IC50": table["curves"], "fold": folds, "test": table["curves"]}
    errors = [np.sqrt(table[name] * (1 - table[name]) / size) for name, size in sizes.items()]
    table["± SE"] = np.max(errors, axis=0)
    times, number = by.sum()[list(JUDGED)], by.count()[list(JUDGED)]
    table["least P"] = [
        min(
            binomtest(int(times.loc[row, name]), n, JUDGED[name]).pvalue
            for name, n in number.loc[row].items()
            if n
        )
        for row in number.index
    ]
    return table.drop(columns="folds")


def within(rows: pd.DataFrame, name: str) -> "pd.Series[float]":
    """Whether an interval holds the truth, missing where there is none."""
    ends = rows.reindex(columns=[f"{name}_lower", f"{name}_upper"]).astype(float)
    held = rows[f"true_{name}"].between(ends.iloc[:, 0], ends.iloc[:, 1])
    return held.astype(float).where(ends.notna().all(axis=1))


@click.command(help="Coverage of intervals and size of the test of drug response, as planted.")
@click.option("--seeds", type=click.IntRange(2), default=30, show_default=True)
@click.option("--first", type=int, default=2001, show_default=True, help="First seed.")
@click.option("--set", "names", multiple=True, type=click.Choice(list(SETS)))
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(seeds: int, first: int, names: tuple[str, ...], writes: bool) -> None:
    """Judge dishes of consecutive seeds, 10 pairs each; exit code 1 if a promise is broken."""
    rows = []
    for name in names or SETS:
        for seed in range(first, first + seeds):
            rows += judged(name, seed)
    table = summary(pd.DataFrame(rows))
    text = table.reset_index().to_markdown(index=False, floatfmt=".3f")
    click.echo(text)
    if writes:
        renew("drug_coverage", text, table.reset_index())
    kept = table.xs("allrelapse", level="method")
    broken = kept[kept["least P"] < FAMILY / (len(kept) * len(JUDGED))]
    if len(broken):
        raise SystemExit(f"not nominal:\n{broken.round(3).to_string()}")


if __name__ == "__main__":
    main()

"""Do intervals of doubling times hold the true ones, and what do zeros do to other methods?

    OMP_NUM_THREADS=1 python benchmarks/doubling_coverage.py --write

Takes about three minutes on one core. Patients are simulated here, not by `allrelapse.simulate`: a
clone doubles in a lognormal time (median 7.4 days, spread .15), fills 10 to 90 % of the marrow on
the day of relapse (100 to 250), and is measured then and on 12 random days since diagnosis, all
alike. *Reads*: depth 5,000, error 1e-4, beta-binomial with precision 2e4. *Flow*: lognormal noise
of .25, limit .01 %.

zeros dropped    straight line through the logarithms of the shares above 0, least squares
half counts      the same with half a read for each zero; for flow, half of the limit
censored         `evolution.doubling_time` and `evolution.doubling_time_from_mrd`
binomial         the first of these, told that reads do not scatter beyond the binomial

estimate  median over patients, days
bias      median of estimate / truth - 1
coverage  of the 95 % interval of each patient, with its standard error; a line's is Student's
open      patients whose interval has no upper end, as growth is not told from none
median    of the doubling time over patients: coverage of its 95 % interval by groups of 16
          patients, as many as Li 2020 had
"""

import click
import numpy as np
import pandas as pd
from report import renew
from scipy.stats import linregress
from scipy.stats import t as student

from allrelapse.evolution.doubling import doubling_time, doubling_time_from_mrd

MEDIAN, SPREAD, SAMPLES, GROUP = 7.4, 0.15, 13, 16
DEPTH, ERROR, PRECISION = 5000, 1e-4, 2e4
NOISE, LIMIT = 0.25, 0.01  # log, % of cells
HELD = (0.93, 0.97)
OURS = ["reads, censored", "flow, censored"]


def patients(number: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Samples of patients, one row each, and the true doubling times, days."""
    td = MEDIAN * np.exp(SPREAD * rng.standard_normal(number))
    last = rng.uniform(100, 250, number)[:, None]
    day = np.sort(np.hstack([last, rng.uniform(0, last, (number, SAMPLES - 1))]), axis=1)
    share = rng.uniform(0.1, 0.9, (number, 1)) * 2 ** ((day - last) / td[:, None])
    mean = ERROR + (1 - ERROR) * share / 2
    depth = rng.poisson(DEPTH, mean.shape)
    reads = rng.binomial(depth, rng.beta(mean * PRECISION, (1 - mean) * PRECISION))
    percent = np.minimum(100 * share * np.exp(NOISE * rng.standard_normal(mean.shape)), 100)
    columns = {
        "patient": np.repeat(np.arange(number), SAMPLES),
        "day": day.ravel(),
        "t_alt_count": reads.ravel(),
        "t_depth": depth.ravel(),
        "mrd_percent": np.maximum(percent, LIMIT).ravel(),
        "mrd_below": (percent < LIMIT).ravel(),
    }
    return pd.DataFrame(columns), td


def line(day: np.ndarray, share: np.ndarray) -> tuple[float, float, float]:
    """Doubling time by a straight line through logarithms, with Student's interval."""
    if len(day) < 3:
        return np.nan, 0.0, np.inf
    fit = linregress(day, np.log(share))
    half = student.ppf(0.975, len(day) - 2) * fit.stderr
    days = [np.log(2) / g if g > 0 else np.inf for g in (fit.slope, fit.slope + half)]
    slow = fit.slope - half
    return days[0], days[1], np.log(2) / slow if slow > 0 else np.inf


def lines(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Estimates and intervals by the methods that people use, patients x 3."""
    reads = 2 * table["t_alt_count"] / table["t_depth"]
    flow = table["mrd_percent"] / 100
    shares = {
        "reads, zeros dropped": reads.where(table["t_alt_count"] > 0),
        "reads, half counts": 2 * table["t_alt_count"].clip(lower=0.5) / table["t_depth"],
        "flow, zeros dropped": flow.mask(table["mrd_below"]),
        "flow, half counts": flow.mask(table["mrd_below"], LIMIT / 200),
    }
    found = {}
    for name, share in shares.items():
        kept = table.assign(share=share).dropna(subset="share").groupby("patient")
        fits = {p: line(rows["day"], rows["share"]) for p, rows in kept}
        blank = (np.nan, 0.0, np.inf)
        found[name] = np.array([fits.get(p, blank) for p in table["patient"].unique()])
    return found


def group(seed: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """One group of patients by all methods: a row per patient, and one per median."""
    table, td = patients(GROUP, np.random.default_rng(seed))
    fits = {
        "reads, censored": doubling_time(table, error=ERROR, precision=PRECISION),
        "reads, binomial": doubling_time(table, error=ERROR, precision=np.inf),
        "flow, censored": doubling_time_from_mrd(table, noise=NOISE),
    }
    columns = ["doubling_days", "lower", "upper"]
    found = lines(table) | {name: fit.patients[columns].to_numpy() for name, fit in fits.items()}
    rows = [
        {"method": name, "group": seed, "truth": truth, **dict(zip(columns, row, strict=True))}
        for name, values in found.items()
        for truth, row in zip(td, values, strict=True)
    ]
    medians = [
        {"method": name, "held": fit.interval[0] <= MEDIAN <= fit.interval[1]}
        for name, fit in fits.items()
    ]
    return rows, medians


def summary(rows: pd.DataFrame, medians: pd.DataFrame) -> pd.DataFrame:
    """One row per method."""
    rows = rows.assign(
        held=rows["lower"].le(rows["truth"]) & rows["upper"].ge(rows["truth"]),
        open=np.isinf(rows["upper"]),
        ratio=rows["doubling_days"] / rows["truth"] - 1,
    )
    by = rows.groupby("method", sort=False)
    coverage = by["held"].mean()
    table = pd.DataFrame(
        {
            "patients": by.size(),
            "estimate": by["doubling_days"].median(),
            "bias": by["ratio"].median(),
            "coverage": coverage,
            "± SE": np.sqrt(coverage * (1 - coverage) / by.size()),
            "open": by["open"].mean(),
            "median": medians.groupby("method")["held"].mean(),
        }
    )
    return table.loc[list(rows["method"].unique())]


@click.command(help="Coverage of intervals of doubling times, on simulated patients.")
@click.option("--groups", type=click.IntRange(2), default=125, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(groups: int, writes: bool) -> None:
    """Judge groups of 16 patients of seeds 1, 2, ...; exit code 1 if coverage is not kept."""
    parts = [group(seed) for seed in range(1, groups + 1)]
    rows = pd.DataFrame([row for part, _ in parts for row in part])
    medians = pd.DataFrame([row for _, part in parts for row in part])
    table = summary(rows, medians)
    text = table.reset_index().to_markdown(index=False, floatfmt=".3f")
    click.echo(text)
    if writes:
        renew("doubling_coverage", text, table.reset_index())
    broken = table.loc[OURS, "coverage"][lambda held: ~held.between(*HELD)]
    if len(broken):
        raise SystemExit(f"coverage is not {HELD[0]:.0%} to {HELD[1]:.0%}: {broken.to_dict()}")


if __name__ == "__main__":
    main()

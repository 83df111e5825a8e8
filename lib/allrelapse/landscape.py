"""How many mutations a leukaemia has at diagnosis and at relapse, and which relapses have most."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from allrelapse.data import cohort
from allrelapse.data.tables import READS
from allrelapse.errors import InputError
from allrelapse.exact import Estimate

ROW = [
    "n", "ratio", "ratio_lower", "ratio_upper", "typical", "typical_lower", "typical_upper",
    "dispersion", "p_value",
]  # fmt: skip
COUNTS = ["shared", "diagnosis only", "relapse only"]


class RateRatio(NamedTuple):
    """Mutations at relapse against diagnosis, in the same patients.

    ratio : of all mutations together, with its interval
    typical : the median of the patients' own ratios, with its interval
    dispersion : variance of the counts against Poisson's
    p_value : of Wilcoxon's signed-rank test that the typical ratio is 1
    patients : pairs
    """

    ratio: Estimate
    typical: Estimate
    dispersion: float
    p_value: float
    patients: int

    def as_row(self) -> dict[str, float]:
        """All of it under the names of `ROW`, for a table."""
        ends = (*self.ratio, *self.typical)
        return dict(zip(ROW, (self.patients, *ends, self.dispersion, self.p_value), strict=True))


def are_exomes(samples: pd.DataFrame) -> bool:
    """Whether the tumours are exomes; genomes if not, or if the platform is not known.

    Raises
    ------
    InputError
        If platforms are mixed or panels, as no rate of mutation per base can be told from them.
    """
    used = set(samples.loc[samples["stage"].isin(["diagnosis", "relapse"]), "platform"].dropna())
    if len(used) > 1 or "panel" in used:
        raise InputError(f"need genomes or exomes alone, not {', '.join(sorted(used))}")
    return used == {"exome"}


def told(ratios: pd.DataFrame) -> pd.DataFrame:
    """A table of rate ratios (`ROW`) as a reader wants it: each ratio with its interval, in words.

    Other columns stay as they are, in front.
    """
    words = {"ratio": "all together", "typical": "typical patient"}
    table = ratios.drop(columns=ROW).assign(n=ratios["n"])
    for name, heading in words.items():
        ends = zip(*(ratios[name + end] for end in ("", "_lower", "_upper")), strict=True)
        table[heading] = [f"{x:.2f} [{low:.2f}, {high:.2f}]" for x, low, high in ends]
    small = ratios["p_value"] < 0.001
    p_value = ratios["p_value"].map("{:.2g}".format).mask(small, "< .001")
    return table.assign(**{"P (typical is 1)": p_value})


def burden(seen: pd.DataFrame) -> pd.DataFrame:
    """Mutations of each patient by when they are seen.

    Parameters
    ----------
    seen : mutations of pairs with when they are seen (`signatures.occurrence`)

    Returns
    -------
    One row per patient: `shared`, `diagnosis only`, `relapse only`, and their sums `diagnosis`
    and `relapse`, mutations.
    """
    table = pd.crosstab(seen["patient"], seen["when"]).reindex(columns=COUNTS, fill_value=0)
    table["diagnosis"] = table["shared"] + table["diagnosis only"]
    table["relapse"] = table["shared"] + table["relapse only"]
    return table.rename_axis(columns=None).reset_index()


def sensitivity(
    mutations: pd.DataFrame, samples: pd.DataFrame, *, reads: int = READS
) -> pd.DataFrame:
    """Chance to see a mutation of all tumour cells on one of two copies, in each sample.

    Parameters
    ----------
    mutations, samples : tables of a cohort, with `t_depth` and `purity`
    reads : with the variant, from which a mutation counts as seen

    Returns
    -------
    One row per pair: `patient`, `diagnosis`, `relapse`, fractions; missing where the depth or
    purity is.

    Source: P(binomial(median depth, purity / 2) >= reads).
    """
    depth = mutations.groupby("sample")["t_depth"].median().astype(float)
    purity = samples.set_index("sample")["purity"].astype(float)
    both = cohort.pairs(samples[samples["sample"].isin(mutations["sample"])])
    for stage in ("diagnosis", "relapse"):
        taken = both[stage]
        known = stats.binom.sf(reads - 1, taken.map(depth).round(), taken.map(purity) / 2)
        both[stage] = known
    return both


def rate_ratio(
    diagnosis: "pd.Series[float]",
    relapse: "pd.Series[float]",
    *,
    seen: pd.DataFrame | None = None,
    level: float = 0.95,
) -> RateRatio:
    """How many times more mutations relapses have than the same patients' diagnoses.

    Given the sum of a pair, the relapse's share would be binomial with the odds `ratio`, whatever
    the patient's own rate, if the counts were independent Poisson ones. They scatter more, and
    both hold the shared mutations, so the variance is scaled to what is seen (quasi-binomial).
    The ratio of all counts goes by those with most mutations; the typical patient is told beside.

    Parameters
    ----------
    diagnosis, relapse : mutations of each patient, same index
    seen : `diagnosis` and `relapse`, chance to see a mutation in each sample (`sensitivity`),
        same index; counts are taken as they are if not given
    level : of the intervals

    Raises
    ------
    InputError
        With fewer than two patients that have mutations, no mutation at one of the stages, or
        counts that are none.

    Source: McCullagh & Nelder 1989, chapter 4 (quasi-likelihood).
    """
    table = pd.DataFrame({"diagnosis": diagnosis, "relapse": relapse}).astype(float)
    if table.isna().any().any() or (table < 0).any().any():
        raise InputError("mutations must be counts of 0 or more, of both samples of each patient")
    odds = pd.Series(1.0, table.index)
    if seen is not None:
        odds = seen["relapse"].astype(float) / seen["diagnosis"].astype(float)
    some = (table.sum(axis=1) > 0) & np.isfinite(odds) & (odds > 0)
    table, offset = table[some], np.log(odds[some].to_numpy())
    if len(table) < 2 or not table.sum().all():
        raise InputError("need two or more patients, with mutations of both samples")
    total = table.sum(axis=1).to_numpy()
    share = table["relapse"].to_numpy() / total
    binomial, one = sm.families.Binomial(), np.ones(len(table))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectSeparationWarning)  # all ratios may be the same
        fit = sm.GLM(share, one, binomial, offset=offset, var_weights=total).fit()
    dispersion = float(fit.pearson_chi2 / fit.df_resid)
    middle, half = float(fit.params[0]), float(fit.bse[0] * np.sqrt(dispersion))
    half *= stats.t.ppf((1 + level) / 2, len(table) - 1)
    own = log_ratios(table["diagnosis"], table["relapse"]).to_numpy() - offset
    return RateRatio(
        Estimate(*(float(np.exp(x)) for x in (middle, middle - half, middle + half))),
        _typical(own, level),
        dispersion,
        float(stats.wilcoxon(own).pvalue) if (own != 0).any() else 1.0,
        len(table),
    )


def log_ratios(diagnosis: "pd.Series[float]", relapse: "pd.Series[float]") -> "pd.Series[float]":
    """Log of each patient's own ratio of relapse to diagnosis, half a mutation added to each."""
    ratio = (relapse + 0.5) / (diagnosis + 0.5)
    return ratio.map(np.log)


def _typical(own: np.ndarray, level: float) -> Estimate:
    """The median ratio of patients, with the exact interval of a median (by order statistics).

    Too few patients for the level leave it open to both sides.
    """
    ends = stats.quantile_test(own, q=0, p=0.5).confidence_interval(level)
    low, high = np.nan_to_num(ends[0], nan=-np.inf), np.nan_to_num(ends[1], nan=np.inf)
    return Estimate(*(float(np.exp(x)) for x in (np.median(own), low, high)))


def hypermutated(counts: "pd.Series[float]", *, reference: "pd.Series[float]") -> "pd.Series[bool]":
    """Which samples have far more mutations than is usual at diagnosis.

    The rule: more than the third quartile plus 1.5 times the distance between quartiles of the
    diagnoses, on the scale of log(1 + mutations), so that few diagnoses with normal scatter (0.35
    %) exceed it.

    Parameters
    ----------
    counts : mutations of each sample that is judged
    reference : mutations of diagnosis samples, sequenced alike

    Source: Tukey 1977, Exploratory Data Analysis (fences).
    """
    return counts > hypermutation_limit(reference)


def hypermutation_limit(reference: "pd.Series[float]") -> float:
    """Mutations above which a sample is called hypermutated; see `hypermutated`."""
    if len(reference) < 4:
        raise InputError("four or more diagnosis samples are needed to say what is usual")
    first, third = np.quantile(np.log1p(reference.astype(float)), [0.25, 0.75])
    return float(np.expm1(third + 1.5 * (third - first)))

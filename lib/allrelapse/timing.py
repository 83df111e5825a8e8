"""When relapse comes, and which relapses carry a feature: tables, tests, intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import fisher
import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from scipy.stats import chi2_contingency
from statsmodels.stats.contingency_tables import StratifiedTable, Table
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.rates import confint_poisson

from allrelapse import exact
from allrelapse.data.published import TIMING
from allrelapse.errors import InputError

GROUPS = TIMING


@dataclass(frozen=True)
class Comparison:
    """Tests across groups.

    overall : one row per test: `test`, `statistic`, `p_value`
    pairwise : one row per pair of groups: odds ratio and risk difference with exact intervals,
        Fisher's P, and P adjusted over the pairs (Holm, Benjamini-Hochberg)
    """

    overall: pd.DataFrame
    pairwise: pd.DataFrame


def counts_rounding_to(percent: int, total: int) -> list[int]:
    """Every count of `total` that is `percent` when rounded to whole per cent, halves upwards."""
    return [k for k in range(total + 1) if (200 * k + total) // (2 * total) == percent]


def consistent_tables(
    percents: Mapping[str, int], total: int, known: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Every integer table that rounds to the published percentages.

    Parameters
    ----------
    percents : published whole per cent of carriers, by group, in order
    total : patients in all groups together
    known : size of the groups where it is known

    Returns
    -------
    Long table: `table` (from 1, by size of the first group, borderline ones last), `group`,
    `carriers`, `patients`, `borderline` (fits only if an exact half was rounded down).

    Raises
    ------
    InputError
        If a percentage is not a whole number from 0 to 100, or a known group is not named.
    """
    known = dict(known or {})
    wrong = [g for g, p in percents.items() if p != int(p) or not 0 <= p <= 100]
    if wrong or not set(known) <= set(percents) or len(percents) < 2:
        raise InputError(
            f"percentages must be whole numbers from 0 to 100 for two or more groups, and known "
            f"sizes must name these groups; got percents={dict(percents)}, known={known}"
        )
    groups = list(percents)
    sizes = [[known[g]] if g in known else range(1, total) for g in groups[:-1]]
    found = []
    for head in product(*sizes):
        n = [*head, total - sum(head)]
        if n[-1] < 1 or known.get(groups[-1], n[-1]) != n[-1]:
            continue
        options = [_carriers(percents[g], m) for g, m in zip(groups, n, strict=True)]
        for cell in product(*options):
            carriers, halves = zip(*cell, strict=True)
            found.append((any(halves), n, carriers))
    rows = [
        (number, group, k, m, borderline)
        for number, (borderline, n, carriers) in enumerate(sorted(found), start=1)
        for group, k, m in zip(groups, carriers, n, strict=True)
    ]
    return pd.DataFrame(rows, columns=["table", "group", "carriers", "patients", "borderline"])


def _carriers(percent: int, size: int) -> list[tuple[int, bool]]:
    """Counts that round to `percent`, each with whether only rounding a half down gives it."""
    plain = [(k, False) for k in counts_rounding_to(percent, size)]
    half = [(k, True) for k in range(size + 1) if 200 * k == (2 * percent + 1) * size]
    return plain + half


def compare_groups(
    table: pd.DataFrame, *, reference: str | None = None, level: float = 0.95
) -> Comparison:
    """Does the share of carriers differ between ordered groups, and in which way?

    Parameters
    ----------
    table : `group`, `carriers`, `patients`, one row per group, in their order
    reference : the group that is set against each other one; by default every pair is compared

    Returns
    -------
    Comparison, with the Fisher-Freeman-Halton exact test and Pearson's chi-squared over all
    groups, the Cochran-Armitage trend, and for three groups or more the middle against the ends
    (the same test with scores 0, 1, ..., 1, 0), which sees what a trend cannot.

    Raises
    ------
    InputError
        If columns are missing, counts are impossible or there is no such reference.

    Source: Freeman & Halton 1951, Biometrika 38:141; Agresti 2013, sections 3.4 and 5.3.
    """
    missing = {"group", "carriers", "patients"} - set(table.columns)
    if missing or len(table) < 2:
        raise InputError(f"need two or more groups with group, carriers, patients; lacks {missing}")
    for carriers, patients in _counts(table):
        exact.proportion(carriers, patients)
    if reference is not None and reference not in set(table["group"]):
        raise InputError(f"no group {reference!r}; there are {', '.join(table['group'])}")
    return Comparison(_overall(table), _pairwise(table, reference, level))


def _counts(table: pd.DataFrame) -> list[tuple[int, int]]:
    carriers, patients = table["carriers"].astype(int), table["patients"].astype(int)
    return list(zip(carriers, patients, strict=True))


def _overall(table: pd.DataFrame) -> pd.DataFrame:
    cells = np.array([(k, n - k) for k, n in _counts(table)])
    rows = []
    if cells.sum(axis=0).min() == 0:  # nobody or everybody carries it: nothing can differ
        pearson, exact_p = (np.nan, 1.0), 1.0
    else:
        result = chi2_contingency(cells, correction=False)
        pearson, exact_p = (result.statistic, result.pvalue), fisher.exact(cells.T.tolist())
    rows.append(("Fisher-Freeman-Halton exact", np.nan, exact_p))
    rows.append(("Pearson chi-squared", *pearson))
    rows.append(("Cochran-Armitage trend", *_scored(cells, np.arange(len(cells)))))
    if len(cells) > 2:
        middle = np.r_[0, np.ones(len(cells) - 2), 0]
        rows.append(("middle against both ends", *_scored(cells, middle)))
    return pd.DataFrame(rows, columns=["test", "statistic", "p_value"])


def _scored(cells: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Z and two-sided P of linear association between group scores and carrying."""
    if cells.sum(axis=0).min() == 0:
        return np.nan, 1.0
    result = Table(cells, shift_zeros=False).test_ordinal_association(scores, np.array([1, 0]))
    return float(result.zscore), float(result.pvalue)


def _pairwise(table: pd.DataFrame, reference: str | None, level: float) -> pd.DataFrame:
    groups = dict(zip(table["group"], _counts(table), strict=True))
    pairs = [
        (a, b) if reference in (None, a) else (b, a)
        for a, b in combinations(groups, 2)
        if reference in (None, a, b)
    ]
    rows = []
    for a, b in pairs:
        first, second = groups[a], groups[b]
        ratio = exact.odds_ratio(*first, *second, level=level)
        difference = exact.risk_difference(*first, *second, level=level)
        rows.append(
            {
                "group": a,
                "against": b,
                "odds_ratio": ratio.value,
                "odds_ratio_lower": ratio.lower,
                "odds_ratio_upper": ratio.upper,
                "risk_difference": difference.value,
                "risk_difference_lower": difference.lower,
                "risk_difference_upper": difference.upper,
                "p_value": exact.fisher_p(*first, *second),
            }
        )
    result = pd.DataFrame(rows)
    result["p_holm"] = multipletests(result["p_value"], method="holm")[1]
    result["p_bh"] = multipletests(result["p_value"], method="fdr_bh")[1]
    return result


def pooled_odds_ratio(
    strata: Sequence[tuple[int, ...]], *, level: float = 0.95
) -> tuple[exact.Estimate, float]:
    """Mantel-Haenszel odds ratio over studies, with its interval and P of no association.

    Parameters
    ----------
    strata : per study (carriers 1, patients 1, carriers 2, patients 2); zero cells may occur

    Source: Mantel & Haenszel 1959; variance of Robins, Breslow & Greenland 1986 (statsmodels).
    """
    tables = [np.array([[a, n - a], [b, m - b]]) for a, n, b, m in strata]
    pooled = StratifiedTable(tables)
    low, high = pooled.oddsratio_pooled_confint(alpha=1 - level)
    estimate = exact.Estimate(float(pooled.oddsratio_pooled), float(low), float(high))
    return estimate, float(pooled.test_null_odds(correction=False).pvalue)


def event_rates(
    months: pd.Series, event: pd.Series, cuts: Sequence[float] = (9, 36), *, level: float = 0.95
) -> pd.DataFrame:
    """Events and person-time in each window since diagnosis, so that censoring is allowed for.

    Parameters
    ----------
    months : follow-up from diagnosis, months
    event : 1 where follow-up ended with the event, 0 where it was censored
    cuts : ends of the windows, months; an event at a cut belongs to the window before it

    Returns
    -------
    One row per window: `group`, `start`, `end` (months), `events`, `person_years`, `rate` (events
    per 100 person-years) with its exact Poisson interval `lower`, `upper`.

    Raises
    ------
    InputError
        If a time is missing or negative, an event is neither 0 nor 1, or cuts do not increase.

    Source: Garwood 1936, Biometrika 28:437 (interval).
    """
    time, happened = months.to_numpy(float), event.to_numpy(float)
    edges = np.array([0.0, *cuts, np.inf])
    if not (time >= 0).all() or not np.isin(happened, (0, 1)).all() or (np.diff(edges) <= 0).any():
        raise InputError("need times of 0 months or more, events of 0 or 1, and increasing cuts")
    names = GROUPS if len(cuts) == 2 else [f"window {i + 1}" for i in range(len(edges) - 1)]
    rows = []
    for name, start, end in zip(names, edges[:-1], edges[1:], strict=True):
        first = time >= start if start == 0 else time > start
        events = int(happened[first & (time <= end)].sum())
        years = float((np.clip(time, start, end) - start).sum() / 12)
        low, high = confint_poisson(events, 1, method="exact-c", alpha=1 - level)
        rates = np.array([events, np.nan_to_num(low), high]) / years if years else [np.nan] * 3
        rows.append((name, start, end, events, years, *(100 * rate for rate in rates)))
    columns = ["group", "start", "end", "events", "person_years", "rate", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def event_curve(months: pd.Series, event: pd.Series, *, level: float = 0.95) -> pd.DataFrame:
    """Share of patients who have had the event, by time since diagnosis (1 - Kaplan-Meier).

    Returns
    -------
    `month`, `share`, `lower`, `upper` (log-log interval), `at_risk` (patients just before).
    """
    fitted = KaplanMeierFitter(alpha=1 - level).fit(months, event)
    survival, interval = fitted.survival_function_, fitted.confidence_interval_
    return pd.DataFrame(
        {
            "month": survival.index,
            "share": 1 - survival.iloc[:, 0].to_numpy(),
            "lower": 1 - interval.iloc[:, 1].to_numpy(),
            "upper": 1 - interval.iloc[:, 0].to_numpy(),
            "at_risk": fitted.event_table["at_risk"].to_numpy(),
        }
    )

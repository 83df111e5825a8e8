"""Relapses by time: carriers in each group, early against others, how many are early."""

from functools import cache

import pandas as pd

from allrelapse import claims, enrichment, exact, timing
from allrelapse.data import open_tables, published
from allrelapse.exact import Estimate
from allrelapse.multiverse.given import Evidence, Given, fewer, with_timing

ODDS = {"exact": exact.odds_ratio, "logit": exact.odds_ratio_logit}
KMT2A = "Ahlgren 2023/2025"
SIZES = ["carriers", "patients"]
PLACES = {"weakest": 0.0, "middle": 0.5, "strongest": 1.0}


def _claim(group: str) -> str:
    return f"prevalence_{group.replace(' ', '_')}"


def _tables() -> pd.DataFrame:
    """The integer tables behind the published percentages (notebook 01)."""
    percents = {group: int(claims.value(_claim(group))) for group in timing.GROUPS}
    patients = int(claims.value("trios"))
    (early,) = timing.counts_rounding_to(int(claims.value("early_share")), patients)
    return timing.consistent_tables(percents, patients, {"early": early})


def published_prevalences(*, table: str = "farthest") -> list[Evidence]:
    """Carriers in the tables that fit the published percentages.

    table : of those that fit with ordinary rounding the `farthest` from the published percentages
        or the `nearest`, by group; or the `borderline` one, in which a half was rounded down
    """
    found = []
    for group, rows in _tables().groupby("group", sort=False):
        fits = rows[rows["borderline"] == (table == "borderline")]
        off = (100 * fits["carriers"] / fits["patients"] - claims.value(_claim(str(group)))).abs()
        best = off.idxmin() if table == "nearest" else off.idxmax()
        carriers, patients = (int(n) for n in fits.loc[[best], SIZES].to_numpy()[0])
        share = exact.proportion(carriers, patients).percent
        about = (share.value, share.interval, patients)
        found.append(Evidence(_claim(str(group)), "recomputed", *about))
    return found


def published_early_against_others(
    *, table: str = "weakest", ratio: str = "exact", level: float = 0.95
) -> list[Evidence]:
    """Odds of an alteration in early relapses against very early and late ones.

    table : of those that fit with ordinary rounding the `weakest`, `middle` or `strongest`, by
        the lower end of the interval; or the `borderline` one
    ratio : `exact` (conditional) or `logit` (half a patient added to each cell)
    level : of the interval
    """
    found = []
    counts = _tables().set_index(["group", "table"])
    for against in ("very early", "late"):
        pairs = counts.loc["early"].join(counts.loc[against], rsuffix="_other")
        pairs = pairs[pairs["borderline"] == (table == "borderline")]
        columns = ["carriers", "patients", "carriers_other", "patients_other"]
        odds = [ODDS[ratio](*map(int, row), level=level) for row in pairs[columns].to_numpy()]
        ranked = sorted(odds, key=lambda estimate: estimate.lower)
        one = ranked[round(PLACES.get(table, 0.0) * (len(ranked) - 1))]
        claim = f"early_over_{against.replace(' ', '_')}"
        size = int(claims.value("trios"))
        found.append(Evidence(claim, "recomputed", one.value, one.interval, size))
    return found


def _kmt2a(series: str) -> pd.DataFrame:
    """Carriers and patients by group, of one series or of both, where both are counted."""
    table = published.read("resistance_by_timing").dropna(subset=["carriers", "patients"])
    table = table if series == "both" else table[table["series"] == series]
    return table.groupby("group")[SIZES].sum().astype(int)


def kmt2a_prevalences(*, series: str = "both", method: str = "beta") -> list[Evidence]:
    """Carriers among relapses of KMT2A-rearranged leukaemia.

    series : `both` or `discovery`, in which the finding was made
    method : of the interval, as `exact.proportion` names it
    """
    found = []
    for group, (carriers, patients) in _kmt2a(series).iterrows():
        share = exact.proportion(carriers, patients, method=method).percent
        about = (share.value, share.interval, int(patients), KMT2A)
        found.append(Evidence(_claim(str(group)), "replicated", *about))
    return found


def kmt2a_early_against_very_early(
    *, series: str = "discovery", ratio: str = "exact", level: float = 0.95
) -> list[Evidence]:
    """Odds of an alteration in early against very early relapses, KMT2A-rearranged.

    series : `discovery`, in which both groups are counted, or `both`, with further very early ones
    ratio, level : as for the published tables
    """
    counts = _kmt2a(series)
    four = [int(n) for n in counts.loc[["early", "very early"], SIZES].to_numpy().ravel()]
    odds = ODDS[ratio](*four, level=level)
    about = (odds.value, odds.interval, four[1] + four[3], KMT2A)
    return [Evidence("early_over_very_early", "replicated", *about)]


@cache
def _clinical() -> pd.DataFrame:
    return open_tables.target_clinical()


def t_all_early_share(
    *,
    first_cut: float = 9.0,
    last_cut: float = 36.0,
    deaths: bool = True,
    method: str = "beta",
) -> list[Evidence]:
    """Share of first events of T-ALL (TARGET) that come in the early window.

    first_cut, last_cut : months
    deaths : whether an event on the day of death counts; it need not have been a relapse
    method : of the interval
    """
    clinical = _clinical().dropna(subset=["efs_years", "efs_event"])
    if not deaths:
        died = (clinical["os_event"] == 1) & (clinical["os_years"] == clinical["efs_years"])
        clinical = clinical[~((clinical["efs_event"] == 1) & died)]
    cuts = (first_cut, last_cut)
    rates = timing.event_rates(12 * clinical["efs_years"], clinical["efs_event"], cuts)
    total, middle = int(rates["events"].sum()), int(rates["events"].iloc[1])
    share = exact.proportion(middle, total, method=method).percent
    about = (share.value, share.interval, total, "TARGET T-ALL")
    return [Evidence("early_share", "replicated", *about)]


def _gained(given: Given, reads: int, first_cut: float, last_cut: float) -> pd.DataFrame:
    known = given.mutations["t_alt_count"].fillna(reads) >= reads
    patients = with_timing(given.patients, first_cut, last_cut)
    return enrichment.gained_by_timing(given.mutations[known], given.samples, patients)


def gained_prevalences(
    given: Given,
    *,
    hypermutators: bool = True,
    reads: int = 3,
    first_cut: float = 9.0,
    last_cut: float = 36.0,
    method: str = "beta",
) -> list[Evidence]:
    """Relapses of the cohort that gained an alteration in any of the 12 genes.

    hypermutators : whether relapses with far more mutations than usual count
    reads : with a variant, from which it counts as seen (3 or more)
    first_cut, last_cut : months, of the early relapses
    method : of the interval
    """
    if not given.has_pairs:
        return []
    here, found = given.once(fewer, hypermutators), []
    made, planted = here.truth("patients"), None
    if made is not None:
        grouped = with_timing(here.patients, first_cut, last_cut)[["patient", "timing"]]
        planted = 100 * made.merge(grouped).groupby("timing")["altered"].mean()
    for group, carriers, size in here.once(_gained, reads, first_cut, last_cut).itertuples(
        index=False
    ):
        share: Estimate = exact.proportion(carriers, size, method=method).percent
        truth = None if planted is None else planted[group]
        found.append(here.evidence(_claim(group), share, int(size), truth))
    return found

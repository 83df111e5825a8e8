"""Time to an event: curves, tests, regression, competing events, and when the clock starts.

Thin over lifelines, statsmodels and firthmodels, and checked against R's `survival`. Where a
library errs or is silent, the function says so. Every time has its zero: name it in the picture.
"""

from allrelapse.survival.course import YEAR, after_relapse, first_event, landmark
from allrelapse.survival.cox import TIES, CoxModel, cox, firth
from allrelapse.survival.curves import (
    counts_at_risk,
    cumulative_incidence,
    kaplan_meier,
    median_survival,
    survival_at,
)
from allrelapse.survival.estimates import (
    Heterogeneity,
    differences,
    effective_number,
    from_interval,
    heterogeneity,
    implied_hazard_ratio,
    wald,
)
from allrelapse.survival.logrank import WEIGHTS, LogRank, logrank
from allrelapse.survival.mean_time import rmst, rmst_difference
from allrelapse.survival.proportional import TRANSFORMS, Proportionality, proportionality

__all__ = [
    "TIES",
    "TRANSFORMS",
    "WEIGHTS",
    "YEAR",
    "CoxModel",
    "Heterogeneity",
    "LogRank",
    "Proportionality",
    "after_relapse",
    "counts_at_risk",
    "cox",
    "cumulative_incidence",
    "differences",
    "effective_number",
    "first_event",
    "firth",
    "from_interval",
    "heterogeneity",
    "implied_hazard_ratio",
    "kaplan_meier",
    "landmark",
    "logrank",
    "median_survival",
    "proportionality",
    "rmst",
    "rmst_difference",
    "survival_at",
    "wald",
]

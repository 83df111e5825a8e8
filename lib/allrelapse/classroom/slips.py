"""Slips that a wrong answer gives away, each with what to do instead.

A master names the value that a slip would give on the student's own cohort, see `key.expect`.
"""

IGNORED_CENSORING = (
    "This is what comes out when censoring is ignored: children who are still followed have not "
    "died at the end of their follow-up, nor may they be left out. Use the Kaplan–Meier curve."
)
IMMORTAL_TIME = (
    "This is immortal time: the clock runs before the group of a patient is known, so time in "
    "which nobody of that group could die counts in its favour. Start the clock when it is known."
)
EXOME_SIGNATURES = (
    "This is what comes out when signatures of the exome are fitted to mutations of whole genomes "
    "or the other way round: trinucleotides differ in number. Take the set that fits the data."
)
UNADJUSTED = (
    "These are P values as they are, of several tests: the more tests, the more come out small by "
    "chance. Adjust them over all tests that were made."
)
HEAVY_TAIL_MEAN = (
    "This is a plain mean of a skewed quantity, which a few large values, known or not, decide. "
    "Use the median or, for times, the restricted mean up to a stated horizon."
)
TREND_ON_INVERTED_U = (
    "This is a test for trend, which asks whether the share rises or falls all the way. Where the "
    "middle group stands out it sees next to nothing: compare the middle with both ends."
)
CHI_SQUARE = (
    "This is the chi-squared test, whose P value is an approximation for large counts. With counts "
    "as small as here use the exact test."
)
ONE_SIDED = (
    "This is a one-sided P value. Unless a direction was fixed before the data were seen, use the "
    "two-sided one."
)
CUT_NOT_ROUNDED = (
    "This is the share times the total, cut to a whole number. Look for all whole numbers whose "
    "share rounds to the published per cent."
)
BORDERLINE_COUNTED = (
    "This counts borderline tables too, which fit only if an exact half was rounded down. Leave "
    "them out."
)
ROWS_NOT_TABLES = "This counts rows; a table has one for each group. Count the tables."
ALTERATIONS_NOT_PATIENTS = (
    "This counts altered genes: a patient with two counts twice. Count each patient once."
)
DIAGNOSIS_SAMPLE = "This is what was there at diagnosis. Count what the relapse sample has."
WALD_INTERVAL = (
    "This is the Wald interval, which is too narrow for small groups and can leave the range from "
    "0 to 1. Use the exact one."
)
WRONG_DENOMINATOR = (
    "This divides by all patients. The share of a group has the patients of that group below it."
)
OBSERVED_NOT_EXPECTED = (
    "This is the smallest count that was observed. Expected counts are row total times column "
    "total, divided by the number of patients."
)
BONFERRONI = (
    "This is Bonferroni's adjustment, which is valid but gives away power; Holm's multiplies the "
    "smallest P by 3, the next by 2, the last by 1, and never lets them fall."
)
RATE_NOT_ANY = (
    "This is Benjamini and Hochberg's adjustment, which limits the share of false findings, not "
    "the chance of any. Use Holm's."
)
NO_SHAPE = (
    "This test asks whether the groups differ in any way at all, not for the middle group standing "
    "out. Name the shape, and test that."
)
TURNED_ROUND = "This is the ratio the other way round: which group comes first?"
RISK_NOT_ODDS = (
    "This is a ratio of shares (risks). Odds are carriers divided by those who are none; the exact "
    "odds ratio is the conditional estimate."
)
DEAD_NOT_ALIVE = "This is the share that has died; survival is the share that has not."
FOLLOW_UP_CUT_BY_DEATH = (
    "This is a plain median of times, which deaths cut short or from which the dead were dropped. "
    "Let death censor the end of observation (reverse Kaplan–Meier)."
)
DEATH_NOT_FOLLOW_UP = (
    "This is the median survival. Here the end of observation is the event and death censors it."
)
CLOCKS_SWAPPED = "This is the value of the other design: the two answers are swapped."
WHOLE_COHORT = "This is over all patients. Take those of the group that is asked for."
NOT_ELIGIBLE = (
    "This keeps patients who had relapsed again before the landmark and could no longer come to a "
    "transplant, so that those without one look worse. Leave them out."
)
BRESLOW = (
    "This is Breslow's approximation for ties, which leans towards no effect when there are many. "
    "Use Efron's."
)
NOT_ROUNDED = "This is of the exact times. Round them up to half-years first."
RATIO_NOT_LOG = "This is the hazard ratio; its natural logarithm is asked for."
COMPETING_CENSORED = (
    "This is one minus Kaplan–Meier with death taken for censoring, as if the dead could still "
    "relapse: it is too large. Use the cumulative incidence."
)

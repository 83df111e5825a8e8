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

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
    "Use the median (or, for survival, the restricted mean up to a stated horizon)."
)
TREND_ON_INVERTED_U = (
    "This is a test for trend, which asks whether the share rises or falls all the way. Where the "
    "middle group stands out it sees next to nothing: compare the middle with both ends."
)
CHI_SQUARE = (
    "This is the chi-squared test, whose P value is an approximation that leans on large counts. "
    "Use the exact test."
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
CARRIERS_OFF = (
    "Right, but for the counts of question 3, which are not; you lose no points for that here."
)
CROSS_PRODUCT = (
    "This is the cross product of the table, or its usual interval on the log scale. The exact "
    "interval belongs to the conditional estimate."
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
    "This is Benjamini and Hochberg's adjustment, which limits the expected share of false "
    "findings, not the chance of any. Use Holm's."
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
# mutational signatures (exercise 2)
NOT_REVERSED = (
    "This looks like a complement without the turn: on the other strand the neighbours also change "
    "sides, so that the base before becomes the base after."
)
OTHER_STRAND_LEFT_OUT = (
    "This looks as if changes of G and A were left out, or kept as they are written. Each is a "
    "change of C or T on the other strand: turn it over and count it."
)
WHOLE_RELAPSE = (
    "This counts all mutations of the relapse, those that diagnosis had already too. Therapy can "
    "only have written what was gained."
)
NO_LENGTHS = (
    "This looks like a sum of products that was not divided by the lengths of both spectra, so it "
    "depends on how many mutations there are. A cosine does not."
)
EXPOSURES_AS_SHARES = (
    "These are shares of the sample that sum to 1. Exposures are numbers of mutations: they sum to "
    "about as many as were counted."
)
UNNORMALISED = (
    "These do not sum to 1. After the channels have been weighted by their places, divide the "
    "signature by its sum: it must be a distribution again."
)
WRONG_WAY = (
    "This looks like the conversion the wrong way round: divide by the places where the signature "
    "comes from (the genome), and multiply by those where it is to be used (the exome)."
)
DENSE_REFIT = (
    "This comes from a dense fit. There every signature of the list takes a few mutations of "
    "everyone; let only signatures that pay their way stay in (a sparse fit)."
)
AT_DIAGNOSIS = "This looks like the diagnoses; the question is about the relapses."
WITHOUT_LIMIT = (
    "Not found is not absent. Say how large a share could have been there unseen: the upper end of "
    "an interval, or the detection limit of each sample."
)
WEIGHTS_ALONE = (
    "This takes the signatures as equally active. Weight each by its exposure in this very relapse "
    "before you divide by the sum."
)
EXPOSURES_ALONE = (
    "This is the share of the signature in the whole sample, the same for every mutation. How "
    "likely it is to write this change in this neighbourhood must come in, too."
)
HARD_ASSIGNMENT = (
    "This counts mutations whose probability is above one half, or their most likely signature, as "
    "sure, and all others as none. Sum the probabilities instead."
)
SPARSE_REFIT = (
    "This comes from the sparse fit. The question asks what a dense fit does (`sparse=False`), as "
    "a warning."
)
ONE_SIDED_LIMIT = (
    "This is a one-sided limit, all 5 % on one side (the rule of three). A two-sided 95 % interval "
    "leaves 2.5 % on either side."
)
NOT_PERCENT = "This looks like a fraction; the answer is asked for in per cent."
UPSIDE_DOWN = (
    "This counts the samples in which it would have been missed: where the limit is larger than "
    "the share, the share goes unseen."
)
POOLED_EXPOSURES = (
    "This gives every relapse the exposures of all together. A drug wrote in some and not in "
    "others: use each relapse's own."
)

# genes and multiple testing (exercise 3)
MUTATIONS_NOT_PATIENTS = (
    "This counts mutations. Two in one patient are no two independent witnesses: count patients."
)
KEPT_COUNTED = (
    "This includes what diagnosis had already. Enrichment at relapse is asked of what was gained."
)
SILENT_COUNTED = (
    "This includes changes that leave the protein as it is. Count those that change it."
)
IGNORED_LENGTH = (
    "This takes all genes as equally large. A long gene is hit more often by chance alone: use the "
    "lengths."
)
LENGTH_AMONG_TESTED = (
    "This divides by the length of the tested genes alone. A mutation can fall on any gene: divide "
    "by the length of all."
)
MORE_THAN = (
    "This is the chance of *more* carriers than seen. The P value is that of as many or more: "
    "survival functions leave the value itself out."
)
AVERAGE_BURDEN = (
    "This gives every relapse the average number of mutations. A few relapses hold most of them, "
    "but each can carry a gene only once: use each relapse's own number."
)
BONFERRONI_FOR_BH = (
    "This is Bonferroni's correction: P times the number of tests. Benjamini and Hochberg divide "
    "by the rank."
)
HIT_GENES_ONLY = (
    "This is unadjusted, or adjusted over the genes that were hit only. Those that nobody carries "
    "were looked at as well, with P = 1, and count among the tests."
)
TESTED_TWELVE_ONLY = (
    "This adjusts over the 12 genes. Whoever looks at all genes must adjust over all."
)
HYPERMUTATORS_IN = (
    "This looks like the value with the most mutated relapses still in. Leave them out of the "
    "carriers and of the expectation."
)
HALF_LEFT_OUT = (
    "The most mutated relapses were left out on one side only. Take them out of the carriers *and* "
    "of the expectation."
)
HOLM_NOT_KEPT = (
    "This list is what unadjusted P values or Benjamini and Hochberg's give. Holm's method guards "
    "against *any* false find and is stricter."
)

# how resistance arises (exercise 5)
FORGOT_DEATH = (
    "This leaves death out. Cells also die: they grow at r - d, and a new lineage survives with "
    "probability 1 - d/r."
)
OTHER_LOGARITHM = (
    "This mixes logarithms: rates per day go with the natural one, doublings with that of base 2."
)
MEAN_OF_JACKPOTS = (
    "This comes from the mean number of resistant cells, which one jackpot decides. Use the share "
    "of dishes that have none."
)
ALIVE_NOT_LASTING = (
    "This counts the lineages that are alive at detection. Some of those die out later by chance; "
    "the question is about those that last."
)
PERSISTERS_DO_NOT_DECLINE = (
    "This lets the persisting cells stay as many as they were. They decline under therapy, and "
    "with them the chance of a mutation."
)
WRONG_SIGN = "This lets the persisting cells grow. Their net rate under therapy is negative."
SURVIVAL_LEFT_OUT = (
    "This counts every resistant cell that is born. Many of their lineages die out by chance; "
    "count those that survive."
)
NOT_CONDITIONAL = (
    "This is the chance of two or more in any patient. The question is about those in whom there "
    "is one: divide by the chance of at least one."
)
ZEROS_DROPPED = (
    "This is a straight line through the samples in which the clone was seen. Samples without a "
    "read say that there were few cells, and leaving them out makes growth look slow."
)
ZERO_AS_HALF = (
    "This puts half a read where there was none. A zero is no number of cells: give it its "
    "probability, as every other count."
)
WRONG_BASES_COUNTED = (
    "This takes single reads at face value. A share of wrong bases shows the variant in samples "
    "that hold none of the clone, and makes growth look slow."
)
MEAN_DOUBLING = (
    "This is the mean, which a few clones that hardly grow can move without limit. Take the median."
)
UNSEEN_AS_ZERO = (
    "Not seen was read as none. A sample without a read, or less than one cell by the formula, "
    "leaves room: say how many cells, or how large a chance."
)
ONE_COPY_OF_TWO = (
    "This is the share of reads. A mutation sits on one of two copies, so twice that share of "
    "cells can carry it."
)
CELLS_AS_CHANCE = (
    "This is the number of cells, not a probability. Turn it into the chance of at least one "
    "founder."
)
SWAPPED = "This is the value of the other estimate: the two are exchanged."
AT_LEAST_ONE = "This is the chance of at least one. The question is about two or more, given one."
TWO_SIDED_HERE = (
    "This is the end of a two-sided interval (2.5 %). The question asks for the one-sided limit: "
    "5 % on the one side."
)
BEYOND_COUNTED = (
    "This counts the relapses beyond the border; the question is about those within it."
)

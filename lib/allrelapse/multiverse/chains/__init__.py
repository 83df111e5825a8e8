"""From data to the value of a claim, one function for each, its choices as keyword arguments.

A default is what the notebook does, so that the usual specification is the notebook's own result
(a test holds the two together). Choices are plain values, their reasons are in `study.yaml`.
"""

from allrelapse.multiverse.chains import (
    cohort_signatures,
    evolution,
    genes,
    open_signatures,
    timing,
)

MODULES = (timing, genes, open_signatures, cohort_signatures, evolution)

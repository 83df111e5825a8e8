"""From data to the value of a claim, one function for each, its choices as keyword arguments.

A default is what the notebook does, so that the usual specification is the notebook's own result
(a test holds the two together). Choices are plain values, their reasons are in `study.yaml`.
"""

from allrelapse.multiverse.chains import evolution, genes, signatures, timing

MODULES = (timing, genes, signatures, evolution)

"""Dose and response in the dish: curves, IC50s, fold changes, areas and growth rates."""

from allrelapse.drugs.fit import (
    ABOVE,
    BELOW,
    FLAT,
    MEASURED,
    VAGUE,
    CurveFit,
    fit_curve,
    fit_curves,
)
from allrelapse.drugs.fold import FoldChange, fold_change, fold_changes
from allrelapse.drugs.law import absolute_ic50, dose_for, law
from allrelapse.drugs.metrics import area, gr_values, viability_at_gr

__all__ = [
    "ABOVE",
    "BELOW",
    "FLAT",
    "MEASURED",
    "VAGUE",
    "CurveFit",
    "FoldChange",
    "absolute_ic50",
    "area",
    "dose_for",
    "fit_curve",
    "fit_curves",
    "fold_change",
    "fold_changes",
    "gr_values",
    "law",
    "viability_at_gr",
]

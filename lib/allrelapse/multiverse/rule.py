"""The label of a claim: robust, sensitive to some choice, or fragile.

The rule is in the docstring of `allrelapse.multiverse`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

KEPT, HALF, EXPLAINED = 0.95, 0.5, 0.5
ROBUST, SENSITIVE, FRAGILE = "robust", "sensitive", "fragile"


@dataclass(frozen=True)
class Robustness:
    """How far a verdict holds.

    label : `robust`, `sensitive` or `fragile`; empty if there are fewer than two specifications
    to : the choices that it is sensitive to; none if to combinations of them
    kept, specifications : how many have the verdict of the usual one, of how many
    explained : share of the verdict's variation that `to` explains; 0 if there is none
    """

    label: str
    to: tuple[str, ...]
    kept: int
    specifications: int
    explained: float

    def __str__(self) -> str:
        """Such as `sensitive to alpha (20 of 24)`."""
        if not self.label:
            return ""
        words = self.label
        if self.label == SENSITIVE:
            words += f" to {' and '.join(self.to) or 'combinations of choices'}".replace("_", " ")
        return f"{words} ({self.kept} of {self.specifications})"


def robustness(same: "pd.Series[bool]", choices: pd.DataFrame) -> Robustness:
    """The label of a claim by the rule of `allrelapse.multiverse`.

    Parameters
    ----------
    same : by specification, whether the verdict is that of the usual one
    choices : specifications x choices, the values as text
    """
    kept, number = int(same.sum()), len(same)
    if number < 2:
        return Robustness("", (), kept, number, 0.0)
    if kept >= KEPT * number:
        return Robustness(ROBUST, (), kept, number, 0.0)
    to, share = _explaining(same, choices)
    if kept < HALF * number:
        return Robustness(FRAGILE, (), kept, number, share)
    return Robustness(SENSITIVE, to, kept, number, share)


def explained(same: "pd.Series[bool]", choices: pd.DataFrame, names: Sequence[str]) -> float:
    """Share of the variation of a verdict that choices explain, each by itself (R squared).

    A linear model of main effects: in the full factorial design the shares of single choices
    add up. Of a verdict that never varies nothing is explained.

    Source: Saltelli 2008, Global Sensitivity Analysis, section 1.2.8 (first-order effects).
    """
    y = same.to_numpy(float)
    total = ((y - y.mean()) ** 2).sum()
    if not total or not len(names):
        return 0.0
    x = pd.get_dummies(choices[list(names)].astype(str), dtype=float)
    x.insert(0, "all", 1.0)
    fit = np.linalg.lstsq(x.to_numpy(), y, rcond=None)[0]
    return float(1 - ((y - x.to_numpy() @ fit) ** 2).sum() / total)


def _explaining(same: "pd.Series[bool]", choices: pd.DataFrame) -> tuple[tuple[str, ...], float]:
    """The one or two choices that explain half of the variation, or none, and their share."""
    varied = [str(name) for name in choices if len(choices[name].unique()) > 1]
    best = 0.0
    for size in (1, 2):
        shares = {names: explained(same, choices, names) for names in combinations(varied, size)}
        if shares:
            names = max(shares, key=lambda found: shares[found])
            best = shares[names]
            if best >= EXPLAINED - 1e-9:
                return names, best
    return (), best

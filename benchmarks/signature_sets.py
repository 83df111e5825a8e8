"""Spectra with planted exposures, on which methods of refitting are measured against each other.

None comes from the model that `refit` assumes alone: *hard* sets scatter more than Poisson and
hold mutations of a signature that is in no catalogue.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from allrelapse.data import reference

BLOOD = {  # signature: (how often it is there, its mean weight), after ALL genomes in the open data
    "SBS1": (1.0, 0.25), "SBS5": (1.0, 0.45), "SBS18": (0.5, 0.12), "SBS40a": (0.4, 0.2),
    "SBS2": (0.25, 0.08), "SBS13": (0.25, 0.08), "SBS7a": (0.1, 0.1), "SBS9": (0.1, 0.15),
}  # fmt: skip
SIZES = (100, 200, 500, 1000, 2000, 5000)
FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
NOISE = 0.25  # coefficient of variation of each channel's rate, by sample
STRANGE = 0.08  # share of mutations from a signature in no catalogue


@dataclass(frozen=True)
class Planted:
    """Spectra and what is behind them.

    counts : 96 x n
    exposures : n x k, mutations of the signatures in the catalogue
    strange : n x 96, expected mutations of what is in no catalogue; 0 where nothing is
    """

    counts: pd.DataFrame
    exposures: pd.DataFrame
    strange: np.ndarray


def grid(seed: int = 1, hard: bool = False, each: int = 55) -> Planted:
    """36 cells of size and fraction; in each two fifths have SBS87, two fifths SBS86, rest none."""
    rng = np.random.default_rng([seed, hard, 1])
    rows = []
    for size in SIZES:
        for fraction in FRACTIONS:
            for i in range(each):
                target = ("SBS87", "SBS86", "SBS87", "SBS86", None)[i % 5]
                weights = _background(rng)
                if target:
                    weights = {s: w * (1 - fraction) for s, w in weights.items()}
                    weights[target] = fraction
                rows.append({s: w * size for s, w in weights.items()})
    return _drawn(pd.DataFrame(rows), rng, hard)


def controls(seed: int = 1, hard: bool = True, n: int = 2700, strange: float = STRANGE) -> Planted:
    """Genomes of 100 to 5,000 mutations without a therapy signature.

    With `strange` at 0 a hard set only scatters: all that made it is in the catalogue.
    """
    rng = np.random.default_rng([seed, hard, 2])
    sizes = rng.choice(SIZES, n)
    rows = [{s: w * size for s, w in _background(rng).items()} for size in sizes]
    return _drawn(pd.DataFrame(rows), rng, hard, strange=strange)


def genomes(seed: int = 1, n: int = 2700, hard: bool = False) -> Planted:
    """Cancers of every kind: SBS1, SBS5 and 1 to 4 of the catalogue, 2,000 to 30,000 mutations.

    Each active signature makes at least one in twenty of the mutations. Artefacts are none.
    """
    rng = np.random.default_rng([seed, hard, 3])
    others = [s for s in reference.cosmic() if s not in {"SBS1", "SBS5", *reference.ARTEFACTS}]
    rows = []
    for _ in range(n):
        chosen = ["SBS1", "SBS5", *rng.choice(others, rng.integers(1, 5), replace=False)]
        share = 0.05 + (1 - 0.05 * len(chosen)) * rng.dirichlet(np.ones(len(chosen)))
        size = np.exp(rng.uniform(np.log(2000), np.log(30000)))
        rows.append(dict(zip(chosen, size * share, strict=True)))
    return _drawn(pd.DataFrame(rows), rng, hard)


def exomes(seed: int = 1, n: int = 2000, hard: bool = False) -> Planted:
    """Exomes of 30 to 200 mutations; SBS87 made 0, 10, 20, 30 or 40 per cent."""
    rng = np.random.default_rng([seed, hard, 4])
    rows = []
    for i in range(n):
        size, fraction = rng.integers(30, 201), i % 5 / 10
        weights = {s: w * (1 - fraction) for s, w in _background(rng).items()}
        rows.append({s: w * size for s, w in {**weights, "SBS87": fraction}.items()})
    return _drawn(pd.DataFrame(rows), rng, hard, exome=True)


def _background(rng: np.random.Generator) -> dict[str, float]:
    """Shares of the usual signatures in one leukaemia."""
    weights = {
        s: weight * rng.gamma(4) for s, (often, weight) in BLOOD.items() if rng.random() < often
    }
    total = sum(weights.values())
    return {s: w / total for s, w in weights.items()}


def _drawn(
    rates: pd.DataFrame,
    rng: np.random.Generator,
    hard: bool,
    exome: bool = False,
    strange: float = STRANGE,
) -> Planted:
    """Poisson counts; where hard, of noisy rates with a stranger among them."""
    catalogue = reference.cosmic(exome=exome)
    exposures = rates.reindex(columns=catalogue.columns).fillna(0.0)
    exposures.index = pd.Index([f"S{i:04d}" for i in range(len(rates))], name="sample")
    mean = exposures.to_numpy() @ catalogue.to_numpy().T
    added = np.zeros_like(mean)
    if hard:
        strangers = rng.dirichlet(np.full(len(catalogue), 0.3), size=10)
        total = mean.sum(axis=1, keepdims=True)
        exposures *= 1 - strange
        added = strange * total * strangers[rng.integers(10, size=len(mean))]
        mean = (1 - strange) * mean + added
        mean *= rng.gamma(1 / NOISE**2, NOISE**2, size=mean.shape)
    counts = pd.DataFrame(rng.poisson(mean).T, catalogue.index, exposures.index)
    return Planted(counts, exposures, added)

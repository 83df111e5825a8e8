"""Draws of exposures that carry their uncertainty: counting, scatter, and what no signature holds.

A fit that trusts its signatures is too sure of itself: every sample may hold mutations of a
process that is in no catalogue, the same one in many samples, so that such errors do not average
out over a cohort.
"""

import zlib
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.errors import InputError
from allrelapse.signatures import gibbs
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.refit import check_whole, matched
from allrelapse.signatures.workers import spread

UNKNOWN = "unknown"
"""What `attribute` calls mutations of no known signature."""
CHAINS, THIN = 12, 5  # independent chains, each with its catalogue; sweeps for each draw


@dataclass(frozen=True, repr=False)
class Draws:
    """Exposures, drawn again and again from what the data leave open.

    exposures : draws x n x k, mutations
    unknown : draws x n x 96, mutations of processes that are in no catalogue
    catalogue : draws x 96 x k, the signatures of each draw
    samples, channels, signatures : their names, in order
    chains : how many made the draws, one after the other
    """

    exposures: Array
    unknown: Array
    catalogue: Array
    samples: pd.Index
    channels: pd.Index
    signatures: pd.Index
    chains: int = 1

    def __repr__(self) -> str:
        """A line: what was drawn."""
        draws, samples, k = self.exposures.shape
        return f"<{draws} draws of the exposures of {samples} samples to {k} signatures>"

    @property
    def mean(self) -> pd.DataFrame:
        """Mean exposures, n x k, mutations."""
        return pd.DataFrame(self.exposures.mean(axis=0), self.samples, self.signatures)

    def chance(self, share: float = 0.02) -> pd.DataFrame:
        """Posterior probability that a signature made more than this share of a sample's mutations.

        A signature that is absent makes a few mutations in many draws; that it makes a share worth
        naming is another question. Samples x signatures.

        Parameters
        ----------
        share : fraction, 0 to below 1
        """
        if not 0 <= share < 1:
            raise InputError(f"share is {share}; it must be from 0 to below 1")
        total = self.exposures.sum(axis=2) + self.unknown.sum(axis=2)
        more = (self.exposures > share * total[:, :, None]).mean(axis=0)
        return pd.DataFrame(more, self.samples, self.signatures)

    def convergence(self) -> pd.DataFrame:
        """How well the chains agree on the total of each signature over all samples.

        Returns
        -------
        By signature: `total` (mean, mutations), `r_hat` (1 if the halves of all chains agree; above
        it they have not yet met, or their catalogues differ), `effective` (independent draws that
        would say as much).

        Raises
        ------
        InputError
            If there are fewer than four draws of each chain.

        Source: Gelman 2013, Bayesian Data Analysis, section 11.4 and 11.5.
        """
        each = len(self.exposures) // self.chains
        if each < 4:
            raise InputError(f"{each} draws of each chain tell nothing; draw four or more")
        kept = self.exposures.reshape(self.chains, each, *self.exposures.shape[1:])
        total = kept[:, : each // 2 * 2].reshape(-1, *kept.shape[2:]).sum(axis=1)
        halves = total.reshape(2 * self.chains, -1, total.shape[1])
        size = halves.shape[1]
        within = halves.var(axis=1, ddof=1).mean(axis=0)
        pooled = (size - 1) / size * within + halves.mean(axis=1).var(axis=0, ddof=1)
        lags = [
            1 - ((halves[:, t:] - halves[:, : size - t]) ** 2).mean(axis=(0, 1)) / (2 * pooled)
            for t in range(1, size)
        ]
        together = np.cumsum(np.where(_positive(np.array(lags)), lags, 0), axis=0)[-1]
        effective = len(total) / np.maximum(1 + 2 * together, 1)
        columns = {"total": total.mean(axis=0), "r_hat": np.sqrt(pooled / within)}
        return pd.DataFrame({**columns, "effective": effective}, self.signatures)

    def weighted(self, factors: "pd.Series[float]") -> "Draws":
        """The same with exposures multiplied, to see what an assumption about time would change.

        Exposures are averages over the life of a clone. If part of a process acted at another time
        than that of the mutation in question, less of it competed.

        Parameters
        ----------
        factors : by signature; those that are not named stay as they are
        """
        if strange := sorted(set(factors.index) - set(self.signatures)):
            raise InputError(f"no draws of signatures {', '.join(strange)}")
        factor = factors.reindex(self.signatures).fillna(1.0).to_numpy(float)
        return replace(self, exposures=self.exposures * factor)

    def probability(self, sample: NDArray[np.intp], channel: NDArray[np.intp]) -> Array:
        """Probability of each signature for mutations, draws x mutations x k.

        Parameters
        ----------
        sample, channel : whole numbers, places in `samples` and `channels`

        NaN where nothing can have made the mutation.
        """
        made = self.exposures[:, sample] * self.catalogue[:, channel]
        total = made.sum(axis=2) + self.unknown[:, sample, channel]
        share: Array = made / np.where(total > 0, total, np.nan)[:, :, None]
        return share


def _positive(lags: Array) -> NDArray[np.bool_]:
    """Autocorrelations up to the first two in a row whose sum is not positive; lags x k."""
    pairs = lags[: len(lags) // 2 * 2].reshape(-1, 2, lags.shape[1]).sum(axis=1) > 0
    kept = np.repeat(np.logical_and.accumulate(pairs, axis=0), 2, axis=0)
    return np.vstack([kept, np.zeros((len(lags) - len(kept), lags.shape[1]), bool)])


def exposure_draws(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    *,
    replicates: int = 400,
    seed: int = 0,
    burn_in: int = 300,
    inexact: float = 0.05,
    executor: Executor | None = None,
) -> Draws:
    """Draw exposures from their posterior given the spectra of a whole cohort.

    The count of sample i in channel c is Poisson with mean g_ic (sum_k e_ik w_ck + u_i v_c + h_ic):

    - e_ik, exposures, are Gamma with a shape and a mean share of the sample's mutations that are
      learned, per signature, over the samples: a signature that most lack is believed in a sample
      only on good evidence, and no total is pulled up by many small false exposures;
    - u_i v_c is one unknown process that samples share, its spectrum learned, too;
    - h_ic is each sample's own unknown process, Gamma with a shape of .1;
    - g_ic is Gamma with mean 1: counts scatter more than Poisson by as much as is found.

    Besides, the signatures are estimates themselves: in each of twelve chains every probability
    w_ck is multiplied by a Gamma factor with mean 1 and standard deviation `inexact`, alike for
    all samples, as errors of a catalogue are; the data do not update it.

    Look-alikes trade mutations slowly: draws in a row are alike, and those of a total are worth a
    fraction of their number; see `Draws.convergence`.

    Samples are taken to be exchangeable before their spectra are seen. With few samples the
    prior decides more.

    Parameters
    ----------
    counts : 96 x n, mutations
    signatures : 96 x k, columns sum to 1; those that may take part
    replicates : number of draws, over twelve chains alike; rounded up to dozens
    seed : of the draws; they do not depend on the order of the samples
    burn_in : sweeps of each chain that are thrown away
    inexact : coefficient of variation of the probabilities of the signatures; 0 trusts them
    executor : spreads the chains over its workers instead of this machine's cores

    Returns
    -------
    The draws, with the mean exposures, probabilities of single mutations, and more.

    Raises
    ------
    InputError
        If the tables cannot be matched, or a number is out of range.

    Source: Dunson & Herring 2005, Biostatistics 6:11 (Gamma-Poisson augmentation); Griffiths &
    Steyvers 2004, PNAS 101:5228 (collapsed sampling of causes); Wallach 2009, NIPS 22:1973 (a
    prior learned per component); Rosales 2017, Bioinformatics 33:8 (signatures).
    """
    check_whole(seed=seed, burn_in=burn_in)
    check_whole(1, replicates=replicates)
    if not 0 <= inexact < 1:
        raise InputError(f"inexact is {inexact}; it must be from 0 to below 1")
    ordered = counts[sorted(counts.columns, key=str)]
    x, w = matched(ordered, signatures)
    chains = min(CHAINS, replicates)
    sweeps = np.array([burn_in, -(-replicates // chains), THIN])
    jobs = []
    for number in range(chains):
        rng = np.random.default_rng([seed, number, zlib.crc32(b"exposures")])
        known = w * rng.gamma(1 / inexact**2, inexact**2, w.shape) if inexact else w
        jobs.append((x, known / known.sum(axis=0), sweeps, rng))
    drawn = spread(gibbs.chain, jobs, executor)
    catalogue = [np.broadcast_to(job[1], (sweeps[1], *w.shape)) for job in jobs]
    back = ordered.columns.get_indexer(counts.columns)
    return Draws(
        np.concatenate([exposures for exposures, _ in drawn])[:, back],
        np.concatenate([unknown for _, unknown in drawn])[:, back],
        np.concatenate(catalogue),
        counts.columns,
        signatures.index,
        signatures.columns,
        chains,
    )

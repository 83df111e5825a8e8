"""The human genome without its sequence: how often contexts occur, and where genes and exons are.

Read from the installed `sigprofilermatrixgenerator`, which carries no bases.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.data.reference import CHANNELS
from allrelapse.errors import InputError

Array = NDArray[Any]
NAMES = (*map(str, range(1, 23)), "X", "Y")
# Lengths of the assembled chromosomes 1-22, X and Y (Genome Reference Consortium).
LENGTHS = {
    "GRCh37": (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022,
        141213431, 135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753,
        81195210, 78077248, 59128983, 63025520, 48129895, 51304566, 155270560, 59373566,
    )
}  # fmt: skip


def context_counts(build: str = "GRCh37", exome: bool = False) -> "pd.Series[float]":
    """How often each of the 32 trinucleotides occurs, both strands together (pyrimidine form)."""
    path = _folder() / "context_distributions"
    path /= f"context_counts_{build}_96{'_exome' if exome else ''}.csv"
    counts = pd.read_csv(path, index_col=0).sum(axis=1)
    counts.index = counts.index.str.strip()
    return counts.astype(float)


def opportunities(build: str = "GRCh37", exome: bool = False) -> "pd.Series[float]":
    """The trinucleotides in which each of the 96 channels can happen, in the order of CHANNELS."""
    counts = context_counts(build, exome)
    contexts = [channel[0] + channel[2] + channel[-1] for channel in CHANNELS]
    return pd.Series(counts[contexts].to_numpy(), pd.Index(CHANNELS, name="channel"))


@dataclass(frozen=True)
class Exons:
    """Stretches of exome, sorted and disjoint, on one line of all chromosomes end to end.

    starts, ends : whole numbers, last base included
    genes : name of the gene of each stretch
    offsets : place of the first base of each chromosome, minus one
    """

    starts: Array
    ends: Array
    genes: Array
    offsets: Array

    def gene_at(self, chromosome: Array, position: Array) -> Array:
        """Gene whose exon holds each position, None elsewhere; `chromosome` as index in NAMES."""
        place = self.offsets[chromosome] + position
        before = np.maximum(np.searchsorted(self.starts, place, side="right") - 1, 0)
        inside = (self.starts[before] <= place) & (place <= self.ends[before])
        found = self.genes[before]
        found[~inside] = None
        return found


@cache
def exons(build: str = "GRCh37") -> Exons:
    """The exome's capture targets that lie in a protein-coding gene, each with its gene.

    Where genes overlap, the shorter one names the stretch.
    """
    lengths = np.array(LENGTHS[build])
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    line = dict(zip(NAMES, offsets, strict=True))
    targets = pd.read_csv(
        _folder() / "exome" / build / f"{build}_exome.interval_list",
        sep="\t", comment="@", header=None, usecols=[0, 1, 2], names=["chromosome", "start", "end"],
        dtype={0: str},
    )  # fmt: skip
    targets = targets[targets["chromosome"].isin(NAMES)]
    shift = targets["chromosome"].map(line)
    starts, ends = _merged(
        (targets["start"] + shift).to_numpy(), (targets["end"] + shift).to_numpy()
    )
    spans = genes(build)
    shift = spans["chromosome"].map(line)
    spans = spans.assign(start=spans["start"] + shift, end=spans["end"] + shift)
    named = np.full(len(starts), None, dtype=object)
    for gene, start, end in spans[["gene", "start", "end"]].itertuples(index=False):
        named[np.searchsorted(ends, start) : np.searchsorted(starts, end, side="right")] = gene
    keep = pd.notna(named)
    return Exons(starts[keep], ends[keep], named[keep], offsets)


@cache
def gene_opportunities(build: str = "GRCh37") -> pd.DataFrame:
    """Places in the exons of each gene where each channel can happen, genes x 96.

    The package carries no bases, so every gene has the composition of the whole exome: genes
    differ by length alone. With a reference genome, count the contexts of each gene instead.
    """
    places = exons(build)
    lengths = pd.Series(places.ends - places.starts + 1).groupby(places.genes).sum()
    composition = opportunities(build, exome=True)
    composition /= composition.sum() / 3  # each base counts for three channels
    table = np.outer(lengths, composition)
    return pd.DataFrame(table, lengths.index.rename("gene"), composition.index)


@cache
def genes(build: str = "GRCh37") -> pd.DataFrame:
    """Protein-coding genes with the span of all their transcripts, the longest ones first.

    Returns
    -------
    `gene`, `chromosome`, `start`, `end` (counted from 1), `strand` (1 or -1).
    """
    columns = ["chromosome", "strand", "start", "end", "gene", "kind"]
    parts = [
        pd.read_csv(path, sep="\t", header=None, usecols=range(2, 8), names=columns, dtype={2: str})
        for path in sorted((_folder() / "transcripts" / build).glob("*_transcripts.txt"))
    ]
    table = pd.concat(parts)
    table = table[(table["kind"] == "protein_coding") & table["chromosome"].isin(NAMES)]
    spans = table.groupby(["gene", "chromosome"], as_index=False).agg(
        start=("start", "min"), end=("end", "max"), strand=("strand", "first")
    )
    longest_first = (spans["start"] - spans["end"]).to_numpy().argsort(kind="stable")
    return spans.iloc[longest_first].reset_index(drop=True)


def _merged(starts: Array, ends: Array) -> tuple[Array, Array]:
    """Overlapping and touching stretches as one."""
    order = np.argsort(starts, kind="stable")
    starts, reach = starts[order], np.maximum.accumulate(ends[order])
    first = np.concatenate([[True], starts[1:] > reach[:-1] + 1])
    last = np.concatenate([first[1:], [True]])
    return starts[first], reach[last]


def _folder() -> Path:
    """Where the package keeps its tables; it is not imported, which would take seconds."""
    spec = importlib.util.find_spec("SigProfilerMatrixGenerator")
    if spec is None or spec.origin is None:
        raise InputError("sigprofilermatrixgenerator, which describes genomes, is not installed")
    return Path(spec.origin).parent / "references" / "chromosomes"

"""Where a mutation makes a cell resist a drug, and how often each signature hits it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from allrelapse.data import genome, published, reference

SIGNATURES = ("SBS1", "SBS5", "SBS18", "SBS2", "SBS13", "SBS86", "SBS87", "SBS44")
DELETION = "deletion"
CAUSES = (*SIGNATURES, DELETION)
BACKGROUND = np.array([0.25, 0.65, 0.1, 0, 0, 0, 0, 0])
"""Share of the signatures in cells that divide without damage.

Near what ALL genomes of stjude-mtsg have at diagnosis: SBS1 20, SBS5 and SBS40 46, SBS18 3 %.
"""

LOSS = {
    "NR3C1": "glucocorticoid", "NR3C2": "glucocorticoid", "CREBBP": "glucocorticoid",
    "TP53": "multi", "FPGS": "methotrexate",
    "MSH2": "thiopurine", "MSH6": "thiopurine", "PMS2": "thiopurine",
}  # fmt: skip
"""Genes whose loss resists a drug, `multi` for most of them."""
MISMATCH_REPAIR_GENES = ("MSH2", "MSH6", "PMS2")
TRUNCATING = 0.05
"""Share of the substitutions of a gene's exons that end the protein (an assumption)."""


IUPAC = {"R": "AG", "Y": "CT", "N": "ACGT"}


@dataclass(frozen=True)
class Targets:
    """Resistance targets: hot spots of one base, and the loss of a gene.

    table : `gene`, `protein`, `chromosome`, `position` (GRCh37), `channel`, `reference`,
        `alternative` (+ strand), `drug`; a loss has no protein, channel and alleles, and begins
        where the gene does
    hit : targets x `CAUSES`; for a signature the chance that one of its mutations hits the
        target, for `deletion` 1 where a deletion does
    gene, drug, loss : of the table, as arrays, as they are read for every leukaemia
    """

    table: pd.DataFrame
    hit: np.ndarray
    gene: np.ndarray
    drug: np.ndarray
    loss: np.ndarray


@cache
def targets() -> Targets:
    """The hot spots of `data/published/resistance_sites.csv`, and the losses of `LOSS`.

    A mutation of a signature falls on channel c with its probability w_c, and there on each of
    the N_c places of the genome alike, so it hits a site of that channel with w_c / N_c. Where a
    source leaves a neighbouring base or the position open, the simulated genome has the first
    one that is possible, and a place in the gene's exons.
    """
    chance = signatures().div(genome.opportunities(), axis=0)
    spots = published.read("resistance_sites").drop(columns=["basis", "resistance", "source"])
    spots["channel"] = spots["channel"].map(_first_channel)
    unknown = spots["position"].isna()
    spots.loc[unknown, "position"] = [
        _place(gene, 3 * int(protein[3:-1]))
        for gene, protein in spots.loc[unknown, ["gene", "protein"]].itertuples(index=False)
    ]
    exome = genome.opportunities(exome=True)
    base = chance.mul(exome / (exome.sum() / 3), axis=0).sum()  # hits on a typical exon base
    losses = pd.DataFrame({"gene": list(LOSS), "drug": list(LOSS.values())})
    spans = genome.genes().set_index("gene").loc[losses["gene"]]
    losses["chromosome"], losses["position"] = spans["chromosome"].array, spans["start"].array
    length = losses["gene"].map(lambda gene: len(_bases(gene)))
    hits = np.vstack([chance.loc[spots["channel"]], TRUNCATING * np.outer(length, base)])
    table = pd.concat([spots, losses], ignore_index=True)
    loss = table["protein"].isna().to_numpy()
    gene, drug = (table[name].to_numpy(object) for name in ("gene", "drug"))
    return Targets(table, np.column_stack([hits, loss]), gene, drug, loss)


def _first_channel(pattern: str) -> str:
    """The first of the 96 channels that fits, where R, Y and N stand for several bases."""
    before, after = (IUPAC.get(letter, letter)[0] for letter in (pattern[0], pattern[-1]))
    return f"{before}{pattern[1:-1]}{after}"


def _bases(gene: str) -> np.ndarray:
    """Positions of the bases of a gene's exons, on its chromosome."""
    places = genome.exons()
    mine = places.genes == gene
    chromosome = genome.genes().set_index("gene").loc[gene, "chromosome"]
    spans = zip(places.starts[mine], places.ends[mine], strict=True)
    line = np.concatenate([np.arange(first, last + 1) for first, last in spans])
    return np.asarray(line - places.offsets[genome.NAMES.index(str(chromosome))])


def _place(gene: str, base: int) -> int:
    """A position in the exons of a gene for a base of its coding sequence."""
    bases = _bases(gene)
    return int(bases[base % len(bases)])


@cache
def signatures() -> pd.DataFrame:
    """COSMIC's catalogue for genomes, 96 x `SIGNATURES`."""
    return reference.cosmic("3.4", "GRCh37")[list(SIGNATURES)]

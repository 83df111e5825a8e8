"""The mutations of one leukaemia: how many a signature laid down, and where they fell."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from allrelapse.data import genome
from allrelapse.data.reference import CHANNELS
from allrelapse.simulate.clones import PERSISTER, TRUNK, Clones
from allrelapse.simulate.disease import Disease
from allrelapse.simulate.settings import Settings
from allrelapse.simulate.targets import (
    BACKGROUND,
    CAUSES,
    DELETION,
    SIGNATURES,
    Targets,
    signatures,
)

Columns = dict[str, NDArray[Any]]
COMPLEMENT = dict(zip("ACGT", "TGCA", strict=True))
AUTOSOMES_AND_X = 23
CLASSES = ("Missense_Mutation", "Silent", "Nonsense_Mutation", "Splice_Site")
CLASS_SHARES = (0.69, 0.25, 0.04, 0.02)
"""Of substitutions in exons; an assumption, as the genome here has no sequence."""
TAIL = 20.0
"""Mean number of mutations with a CCF above 10 % that arose as the visible clone grew."""


@cache
def _letters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Context, reference and alternative of each channel on either strand, 2 x 96."""
    forward = [(c[0] + c[2] + c[-1], c[2], c[4]) for c in CHANNELS]
    turned = [
        ("".join(COMPLEMENT[b] for b in reversed(context)), COMPLEMENT[r], COMPLEMENT[a])
        for context, r, a in forward
    ]
    parts = [np.array([forward, turned], dtype=object)[:, :, k] for k in range(3)]
    return parts[0], parts[1], parts[2]


@cache
def _edges() -> np.ndarray:
    """Cumulative probabilities of the channels, per signature."""
    return np.asarray(np.cumsum(signatures().to_numpy().T, axis=1))


def variants(
    case: Disease, tree: Clones, settings: Settings, where: Targets, rng: Generator
) -> Columns:
    """Every mutation of a leukaemia as columns, resistance mutations first.

    Returns
    -------
    `clone` (index), `cause` (index in CAUSES), `gene`, `protein`, `chromosome` (index),
    `position`, `reference`, `alternative`, `context`, `class`, `at_diagnosis`, `at_relapse` (CCF).
    """
    passengers = _passengers(tree, rng)
    drivers = _drivers(case, tree, where, rng)
    both = {name: np.concatenate([drivers[name], passengers[name]]) for name in drivers}
    letters = pd.factorize(both["alternative"])[0] + 1
    place = (both["chromosome"] * 10**9 + both["position"]) * 8 + letters
    _, first, same = np.unique(place, return_index=True, return_inverse=True)
    for name in ("at_diagnosis", "at_relapse"):  # of one that arose twice, both clones count
        both[name] = np.minimum(np.bincount(same, both[name])[same], 1)
    first = np.sort(first)
    return {name: column[first] for name, column in both.items()}


def _passengers(tree: Clones, rng: Generator) -> Columns:
    """Mutations anywhere, by Poisson numbers per clone and signature, and the tails of growth."""
    numbers = rng.poisson(tree.load)
    tails = rng.poisson(TAIL, 2)
    clone = np.repeat(np.arange(len(numbers)), numbers.sum(axis=1))
    cause = np.concatenate([np.repeat(np.arange(len(SIGNATURES)), row) for row in numbers])
    trunk = tree.load[TRUNK] if tree.load[TRUNK].any() else BACKGROUND
    mix = trunk / trunk.sum()
    grown = np.searchsorted(np.cumsum(mix), rng.random(tails.sum()) * 0.999999)
    cause = np.r_[cause, grown].astype(np.int64)
    ccf = 0.1 / (1 - 0.9 * rng.random(tails.sum()))  # density falls as 1 / CCF squared
    early = np.arange(tails.sum()) < tails[0]
    columns = _placed(cause, rng)
    columns["clone"] = np.r_[clone, np.full(tails.sum(), -1)]
    columns["at_diagnosis"] = np.r_[tree.at_diagnosis[clone], np.where(early, ccf, 0)]
    columns["at_relapse"] = np.r_[tree.at_relapse[clone], np.where(early, 0, ccf)]
    return columns


def _placed(cause: np.ndarray, rng: Generator) -> Columns:
    """Substitutions of given signatures at random places."""
    n = len(cause)
    channel = np.minimum((_edges()[cause] < rng.random(n)[:, None]).sum(axis=1), 95)
    strand = rng.integers(0, 2, n)
    context, reference, alternative = (part[strand, channel] for part in _letters())
    lengths = np.array(genome.LENGTHS["GRCh37"][:AUTOSOMES_AND_X])
    ends = np.cumsum(lengths)
    line = rng.integers(1, ends[-1] + 1, n)
    chromosome = np.searchsorted(ends, line)
    position = line - (ends - lengths)[chromosome]
    gene = genome.exons().gene_at(chromosome, position)
    kind = np.array(CLASSES, dtype=object)[
        np.searchsorted(np.cumsum(CLASS_SHARES), rng.random(n) * 0.999999)
    ]
    kind[pd.isna(gene)] = None
    return {
        "clone": np.zeros(n, np.int64),
        "cause": cause,
        "gene": gene,
        "protein": np.full(n, None, object),
        "chromosome": chromosome,
        "position": position,
        "reference": reference,
        "alternative": alternative,
        "context": context,
        "class": kind,
        "at_diagnosis": np.zeros(n),
        "at_relapse": np.zeros(n),
    }


def _drivers(case: Disease, tree: Clones, where: Targets, rng: Generator) -> Columns:
    """The mutation that makes each lineage resist, and the loss of mismatch repair."""
    rows = []
    for clone, lineage in enumerate(tree.lineage):
        if lineage >= 0 and case.lineages.target[lineage] >= 0:
            target, cause = case.lineages.target[lineage], case.lineages.cause[lineage]
            rows.append((clone, int(cause), where.table.iloc[int(target)].to_dict()))
    if case.traits.mmr:
        lost = where.table[(where.table["gene"] == case.traits.mmr) & where.table["protein"].isna()]
        rows.append((PERSISTER, CAUSES.index(DELETION), lost.iloc[0].to_dict()))
    columns = _placed(np.array([min(c, len(SIGNATURES) - 1) for _, c, _ in rows], np.int64), rng)
    columns["clone"] = np.array([clone for clone, _, _ in rows], np.int64)
    columns["cause"] = np.array([cause for _, cause, _ in rows], np.int64)
    for name in ("at_diagnosis", "at_relapse"):
        columns[name] = getattr(tree, name)[columns["clone"]]
    for row, (_, cause, target) in enumerate(rows):
        for name, value in _altered(target, CAUSES[cause] == DELETION, rng).items():
            columns[name][row] = value
    return columns


def _altered(target: Mapping[Any, Any], deleted: bool, rng: Generator) -> dict[str, object]:
    """What is known of a resistance mutation beside its clone and cause."""
    found: dict[str, object] = {
        "gene": target["gene"],
        "chromosome": genome.NAMES.index(str(target["chromosome"])),
        "position": int(str(target["position"])),
    }
    if isinstance(target["protein"], str):
        context, reference, _ = _letters()
        channel = CHANNELS.index(str(target["channel"]))
        strand = 0 if reference[0, channel] == target["reference"] else 1
        return found | {
            "protein": target["protein"],
            "reference": target["reference"],
            "alternative": target["alternative"],
            "context": context[strand, channel],
            "class": "Missense_Mutation",
        }
    if deleted:
        none = dict.fromkeys(("reference", "alternative", "context"))
        return found | none | {"class": "Gene_Deletion"}
    places = genome.exons()
    mine = np.flatnonzero(places.genes == target["gene"])
    exon = mine[rng.integers(len(mine))]
    place = rng.integers(places.starts[exon], places.ends[exon] + 1)
    found["position"] = int(place - places.offsets[int(str(found["chromosome"]))])
    return found | {"class": "Nonsense_Mutation"}

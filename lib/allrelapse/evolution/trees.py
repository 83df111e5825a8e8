"""Clone trees: who may descend from whom, given the cancer cell fractions (CCF) of the clones.

A cell carries the mutations of its clone and of all ancestors of that. Hence in every sample the
CCFs of the children of a clone sum to at most its own (sum rule), and no clone has a higher CCF
than its ancestor (crossing rule: clones whose order changes between samples are on two branches).
"""

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.errors import InputError
from allrelapse.evolution.clones import Clones, quantiles

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROOT = 0
"""The node above all clones where their founder is not among them; its CCF is 1."""
PATIENCE = 10  # partial trees that are looked at, for each tree that is asked for


@dataclass(frozen=True, repr=False)
class Trees:
    """The admissible trees of a patient's clones, the most probable first.

    graphs : edges from parent to child; the nodes are the numbers of the clones, with `ccf`
        (mean by sample) and `variants`; `ROOT` where the founder is not among them
    weights : posterior probability that the CCFs keep both rules, trees
    complete : whether these are all
    note : what to know about them; empty if nothing
    clusters : the numbers of the clones
    """

    graphs: tuple["nx.DiGraph", ...]
    weights: Array
    complete: bool
    note: str
    clusters: tuple[int, ...]

    def __repr__(self) -> str:
        """A line: how many trees."""
        number = f"{len(self)} trees" if self.complete else f"the first {len(self)} trees"
        return f"<{number} of {len(self.clusters)} clones{'; ' * bool(self.note)}{self.note}>"

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def probability(self) -> Array:
        """Posterior probability of each tree among these, all being alike a priori."""
        return np.asarray(self.weights / self.weights.sum())

    def ancestry(self) -> pd.DataFrame:
        """Probability that the clone of the column descends from that of the row, itself excluded.

        Missing if there is no tree.
        """
        total = np.full((len(self.clusters),) * 2, 0.0 if len(self) else np.nan)
        place = {clone: k for k, clone in enumerate(self.clusters)}
        for graph, chance in zip(self.graphs, self.probability, strict=True):
            for clone, row in place.items():
                below = [place[other] for other in nx.descendants(graph, clone)]
                total[row, below] += chance
        return pd.DataFrame(total, self.clusters, self.clusters)


def admissible(
    clones: Clones,
    *,
    tolerance: float = 0.05,
    least: float = 0.01,
    most_trees: int = 1000,
    founder: bool = True,
    draws: int = 2000,
    seed: int = 0,
) -> Trees:
    """All rooted trees of the clones that keep the sum rule and the crossing rule.

    CCFs are drawn from their posteriors, which are independent between samples: the weight of a
    tree is the product over the samples of the share of draws in which both rules hold, up to the
    tolerance. Without tolerance it is proportional to the posterior probability of the tree if the
    shares of the clones' own cells are uniform a priori (and `absent` is 0): the CCFs that a tree
    allows then fill the same volume for every tree. Where a rule holds just so, as in a relapse
    that is all of one clone, only about half of the draws keep it. A sample that did not measure
    a clone does not speak against any place of it.

    The search extends the most probable part of a tree first, so that trees come out in order.

    Parameters
    ----------
    clones : as `clones.cluster` gives them
    tolerance : excess over the rules that is allowed in a sample, 0 to below 1, as share of the CCF
        of the root there (of the highest that was measured, if that was not); for errors of purity
        and copy numbers that the posteriors ignore
    least : share of draws that must keep the rules in every sample, above 0 to 1
    most_trees : the most probable are kept if there are more; `complete` is then false
    founder : the clone that is most surely above all others is their ancestor, at CCF 1 if
        purities are right. False if its mutations may lack: a root of CCF 1 is put above all
    draws : of the CCFs, 100 or more; a share p has a Monte Carlo error of sqrt(p (1 - p) / draws)
    seed : of the draws

    Returns
    -------
    Trees; none, with a note that says so, if no tree is admissible.

    Raises
    ------
    InputError
        If a number is out of range.

    Source: Jiao 2014, BMC Bioinformatics 15:35 (both rules); Dang 2017, Ann Oncol 28:3076 (sampling
    the sum rule).
    """
    if not 0 <= tolerance < 1 or not 0 < least <= 1:
        raise InputError(
            f"tolerance is {tolerance}, least {least}; give 0 to below 1, and above 0 to 1"
        )
    if most_trees < 1 or draws < 100:
        raise InputError(f"most_trees is {most_trees}, draws {draws}; give 1 and 100 or more")
    names = [int(name) for name in clones.responsibility.columns]
    ccf = _drawn(clones, draws, np.random.default_rng(seed))
    known = clones.clusters["measured"].to_numpy().reshape(1, *ccf.shape[1:]) > 0
    if not founder:
        names = [ROOT, *names]
        ccf, known = np.insert(ccf, 0, 1.0, axis=1), np.insert(known, 0, values=True, axis=1)
    as_child, as_parent = np.where(known, ccf, 0.0), np.where(known, ccf, np.inf)
    order = np.argsort(-as_child.mean(axis=0).sum(axis=1), kind="stable").tolist()
    root = _highest(as_child, as_parent) if founder else 0
    order = [root, *(node for node in order if node != root)]
    top = np.where(known[:, root], ccf[:, root], as_child.max(axis=1))
    room = as_parent + tolerance * top[:, None]
    found, complete = _search(as_child, room, order, least, most_trees)
    clusters = tuple(name for name in names if name != ROOT)
    graphs = tuple(_graph(parents, names, clones) for parents, _ in found)
    weights = np.array([weight for _, weight in found])
    return Trees(graphs, weights, complete, _note(len(found), complete), clusters)


def _drawn(clones: Clones, draws: int, rng: np.random.Generator) -> Array:
    """CCFs from their posteriors, draws x clones x samples."""
    chance = rng.random((*clones.posterior.shape[:2], draws))
    ccf = [
        [quantiles(q, clones.grid, u) for q, u in zip(clone, row, strict=True)]
        for clone, row in zip(clones.posterior, chance, strict=True)
    ]
    return np.moveaxis(np.array(ccf), 2, 0)


def _highest(child: Array, parent: Array) -> int:
    """The node that most surely is above all others in all samples."""
    above = [
        (child <= parent[:, [node]]).all(axis=1).mean(axis=0) for node in range(child.shape[1])
    ]
    return int(np.log(np.maximum(above, 1 / len(child))).sum(axis=1).argmax())


def _search(
    child: Array, room: Array, order: list[int], least: float, most: int
) -> tuple[list[tuple[tuple[int, ...], float]], bool]:
    """Parents of all nodes (-1 for the root, first in order) and weights, the heaviest trees first.

    A tree is made by giving each clone in turn a parent. Every step adds rules, so that the weight
    falls: what is heaviest among all parts can be completed, or dropped, without looking back.

    child, room : CCFs, and how much of them fits below, draws x nodes x samples
    """
    nodes, clones = range(len(order)), order[1:]
    crossing = np.array([np.swapaxes(child <= room[:, [node]], 0, 1) for node in nodes])
    tick = itertools.count()
    start: tuple[int, ...] = (-1,) * len(order)
    queue = [(0.0, 0, next(tick), start, np.ones(room[:, 0].shape, bool))]
    found: list[tuple[tuple[int, ...], float]] = []
    for _ in range(PATIENCE * most + len(order) ** 2):
        if not queue or len(found) == most:
            break
        loss, placed, _, parents, alive = heapq.heappop(queue)
        if -placed == len(clones):
            found.append((parents, math.exp(-loss)))
            continue
        node = clones[-placed]
        for extended in _extensions(parents, node):
            kept = alive & _keeps(child, room, crossing, extended, node)
            share = kept.mean(axis=0)
            if share.min() >= least:
                loss = -float(np.log(share).sum())
                heapq.heappush(queue, (loss, placed - 1, next(tick), extended, kept))
    return found, not queue


def _extensions(parents: tuple[int, ...], node: int) -> Iterator[tuple[int, ...]]:
    """The part of a tree with a parent for one more node, in every way without a circle."""
    for parent in range(len(parents)):
        if node not in _line(parents, parent):
            yield (*parents[:node], parent, *parents[node + 1 :])


def _line(parents: tuple[int, ...], node: int) -> list[int]:
    """A node and its ancestors, as far as they are known."""
    line = []
    while node >= 0:
        line.append(node)
        node = parents[node]
    return line


def _keeps(child: Array, room: Array, crossing: Mask, parents: tuple[int, ...], node: int) -> Mask:
    """Whether the edge to a node keeps the rules, draws x samples."""
    parent = parents[node]
    siblings = [other for other, above in enumerate(parents) if above == parent]
    fits = child[:, siblings].sum(axis=1) <= room[:, parent]
    below = [other for other in range(len(parents)) if node in _line(parents, other)]
    pairs = crossing[np.ix_(_line(parents, parent), below)]
    return np.asarray(fits & pairs.all(axis=(0, 1)))


def _graph(parents: tuple[int, ...], names: list[int], clones: Clones) -> "nx.DiGraph":
    """A tree as a graph, with what is known of its clones."""
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    if ROOT in names:
        graph.nodes[ROOT].update(ccf=dict.fromkeys(clones.samples, 1.0), variants=0)
    for row in clones.clusters.itertuples():
        node = graph.nodes[row.cluster]
        node.setdefault("ccf", {})[row.sample] = row.ccf
        node["variants"] = row.variants
    edges = [(names[above], name) for name, above in zip(names, parents, strict=True) if above >= 0]
    graph.add_edges_from(edges)
    return graph


def _note(number: int, complete: bool) -> str:
    if not complete:
        return "there may be more trees; raise most_trees to see them"
    if number == 0:
        return (
            "no tree keeps the sum and crossing rules; look for wrong purities or copy numbers, "
            "or a clone made of artefacts, or raise tolerance"
        )
    return ""


def parents_among(tree: "nx.DiGraph", clones: list[int]) -> dict[int, int | None]:
    """The nearest ancestor of each of some clones among these, None where there is none.

    Parameters
    ----------
    tree : of all clones
    clones : such as those that a panel follows
    """
    found: dict[int, int | None] = {}
    for clone in clones:
        above = next(tree.predecessors(clone), None)
        while above is not None and above not in clones:
            above = next(tree.predecessors(above), None)
        found[clone] = above
    return found

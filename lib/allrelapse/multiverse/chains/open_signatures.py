"""Signatures of therapy in open data: at relapse against diagnosis, and absent in other cancers."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from allrelapse import exact, signatures
from allrelapse.claims import Kind
from allrelapse.data import open_spectra, reference
from allrelapse.multiverse import therapy
from allrelapse.multiverse.given import Evidence, Given
from allrelapse.multiverse.therapy import STAGES, THERAPY

REPLICATED: Kind = "replicated"
PREVALENCE = ("signature_prevalence", "signature_prevalence_press")


# --- exomes of TARGET -----------------------------------------------------------------------------


def _exome_tests(given: Given, candidates: str, cosmic_version: str) -> pd.DataFrame:
    """P of both signatures in each exome, with its stage (notebook 05)."""
    all_exomes = open_spectra.target_exomes("ALL")
    menu = therapy.menu(candidates, cosmic_version, exome=True)
    tests = {
        target: signatures.presence(
            all_exomes.counts, menu, target, replicates=999, seed=1, level=None
        )
        for target in THERAPY
    }
    found = pd.concat(tests, names=["target"]).reset_index()
    found["q_value"] = exact.q_values(found["p_value"])
    return found.merge(all_exomes.samples, left_on="sample", right_index=True, validate="m:1")


def exomes_share(
    given: Given,
    *,
    candidates: str = "stjude",
    cosmic_version: str = "3.4",
    largest: bool = True,
) -> list[Evidence]:
    """Odds of SBS87's share of the mutations of relapse exomes against diagnosis exomes.

    candidates : signatures that may take part: `stjude`, `narrow` or `wide`
    cosmic_version : of the catalogue
    largest : whether the exome with most mutations of each stage counts
    """
    every = open_spectra.target_exomes("ALL")
    counts, samples = every.counts, every.samples
    if not largest:
        heaviest = counts.sum().groupby(samples["stage"]).idxmax()
        samples = samples.drop(index=heaviest.to_list())
        counts = counts[samples.index]
    odds, _ = signatures.share_odds_ratio(
        counts,
        therapy.menu(candidates, cosmic_version, exome=True),
        "SBS87",
        first=samples["stage"] == "relapse",
        unit=samples["patient"],
        permutations=999,
        seed=1,
    )
    data = "TARGET ALL exomes, share of mutations"
    about = (odds.value, odds.interval, len(samples), data)
    return [Evidence("signature_relapse", REPLICATED, *about)]


def exomes_with_sbs87(
    given: Given,
    *,
    candidates: str = "stjude",
    cosmic_version: str = "3.4",
    alpha: float = 0.05,
    ratio: str = "exact",
) -> list[Evidence]:
    """Odds of SBS87 in relapse exomes against diagnosis exomes, by counting them.

    candidates, cosmic_version : as for `exomes_share`
    alpha : P below which SBS87 counts as present
    ratio : `exact` (conditional) or `logit` (half an exome added to each cell)
    """
    found = given.once(_exome_tests, candidates, cosmic_version).query("target == 'SBS87'")
    four = _counts(found["p_value"] < alpha, found["stage"], STAGES)
    odds = (exact.odds_ratio if ratio == "exact" else exact.odds_ratio_logit)(*four)
    about = (odds.value, odds.interval, len(found), "TARGET ALL exomes, exomes with SBS87")
    return [Evidence("signature_relapse", REPLICATED, *about)]


def exomes_with_either(
    given: Given,
    *,
    candidates: str = "stjude",
    cosmic_version: str = "3.4",
    correction: str = "q",
    alpha: float = 0.05,
) -> list[Evidence]:
    """Relapse exomes with SBS86 or SBS87.

    candidates, cosmic_version : as for `exomes_share`
    correction : `q` (false discoveries over exomes and signatures), `holm`, or `none`
    alpha : level of the correction
    """
    found = given.once(_exome_tests, candidates, cosmic_version)
    called = therapy.called(found["p_value"], correction, alpha)
    relapse = found["stage"] == "relapse"
    present = called[relapse].groupby(found["sample"]).any()
    return _prevalences(int(present.sum()), len(present), "TARGET ALL exomes")


def _counts(
    present: "pd.Series[bool]", group: "pd.Series[Any]", groups: Sequence[object]
) -> tuple[int, int, int, int]:
    """How many of how many, in the first group and in the second."""
    first, second = (present[group == name] for name in groups)
    return int(first.sum()), len(first), int(second.sum()), len(second)


def _prevalences(hits: int, size: int, data: str) -> list[Evidence]:
    share = exact.proportion(hits, size).percent
    about = (share.value, share.interval, size, data)
    return [Evidence(claim, REPLICATED, *about) for claim in PREVALENCE]


# --- genomes of St Jude ---------------------------------------------------------------------------


def _stjude_groups(least: float) -> pd.DataFrame:
    """Which genomes have more than a share of each signature, and of which group they are."""
    known = therapy.stjude()
    total = known.exposures.sum(axis=1)
    present = known.exposures[THERAPY].gt(least * total, axis=0)
    return present.assign(either=present.any(axis=1)).join(known.samples)


def stjude_relapses(
    *, least: float = 0.0, signature: str = "either", lineage: str = "ALL", ratio: str = "exact"
) -> list[Evidence]:
    """Genomes of ALL with a signature, at relapse and against diagnosis; fits by St Jude.

    least : share of a genome's mutations above which a signature counts as present
    signature : `either` or `SBS87`
    lineage : `ALL` or `B-ALL`
    ratio : `exact` (conditional) or `logit` (half a genome added to each cell)
    """
    table = _stjude_groups(least)
    table = table[table["is_all"] if lineage == "ALL" else table["lineage"] == lineage]
    four = _counts(table[signature], table["relapse"], (True, False))
    odds = (exact.odds_ratio if ratio == "exact" else exact.odds_ratio_logit)(*four)
    data = "St Jude ALL genomes"
    about = (odds.value, odds.interval, four[1] + four[3], data)
    found = [Evidence("signature_relapse", REPLICATED, *about)]
    return found + _prevalences(four[0], four[1], data)


def stjude_absent(*, least: float = 0.0) -> list[Evidence]:
    """Genomes at diagnosis, and relapses of other cancers than ALL, with a signature.

    least : share of a genome's mutations above which a signature counts as present
    """
    table = _stjude_groups(least)
    other = table[table["relapse"] & ~table["is_all"]]["either"]
    sets = [("signature_absent_relapses", "St Jude genomes", other)]
    for target in THERAPY:
        data = f"St Jude diagnosis genomes, {target}"
        sets.append(("signature_absent_cancers", data, table.loc[~table["relapse"], target]))
    found = []
    for claim, data, present in sets:
        share = exact.proportion(int(present.sum()), len(present)).percent
        found.append(Evidence(claim, REPLICATED, share.value, share.interval, len(present), data))
    return found


# --- control genomes and exomes -------------------------------------------------------------------

CONTROLS = {
    "ALL at diagnosis genomes": (open_spectra.all_genomes, False),
    "PCAWG genomes": (open_spectra.pcawg_genomes, False),
    "other genomes": (open_spectra.other_genomes, False),
    "other exomes": (open_spectra.other_exomes, True),
}


def _control_tests(given: Given, cosmic_version: str, artefacts: bool) -> pd.DataFrame:
    """P of both signatures in each control, against the whole catalogue (notebook 05)."""
    tests = {}
    for data, (read, exome) in CONTROLS.items():
        menu = reference.cosmic(cosmic_version, exome=exome)
        menu = menu if artefacts else therapy.menu("wide", cosmic_version, exome)
        counts = read()
        for target in THERAPY:
            tests[f"{data}, {target}"] = signatures.presence(
                counts, menu, target, level=None, alpha=0.01, replicates=0
            )
    return pd.concat(tests, names=["data"])["p_value"].reset_index("data")


def controls(
    given: Given,
    *,
    cosmic_version: str = "3.4",
    artefacts: bool = False,
    correction: str = "q",
    family: str = "set",
    alpha: float = 0.05,
) -> list[Evidence]:
    """Controls in which a signature of therapy is found.

    cosmic_version : of the catalogue
    artefacts : whether the signatures of sequencing artefacts are candidates, too
    correction : `q` (false discoveries) or `holm`
    family : over which is corrected: each `set` and signature by itself, or `all` together
    alpha : level of the correction
    """
    tests = given.once(_control_tests, cosmic_version, artefacts)
    p = tests["p_value"].reset_index(drop=True)
    groups = tests["data"].reset_index(drop=True)
    families = groups if family == "set" else pd.Series("all", groups.index)
    parts = [therapy.called(part, correction, alpha) for _, part in p.groupby(families)]
    called = pd.concat(parts).reindex(p.index)
    found = []
    for data, part in called.groupby(groups, sort=False):
        share = exact.proportion(int(part.sum()), len(part)).percent
        about = (share.value, share.interval, len(part), str(data))
        found.append(Evidence("signature_absent_cancers", REPLICATED, *about))
    return found

"""Signatures of therapy: in whom they are, whether they came with therapy, what they wrote."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from allrelapse import enrichment, exact, signatures
from allrelapse.claims import Kind
from allrelapse.data import open_spectra, open_tables, reference, spectra
from allrelapse.data.tables import VARIANT
from allrelapse.exact import Estimate
from allrelapse.multiverse.given import (
    Evidence,
    Given,
    fewer,
    hypermutated,
    mutations_seen,
    with_timing,
)

THERAPY = ["SBS86", "SBS87"]
GENES = ["NT5C2", "PRPS1", "NR3C1", "TP53"]
NARROW = ["SBS1", "SBS2", "SBS5", "SBS13", "SBS18", *THERAPY]
STAGES = ("relapse", "diagnosis")
REPLICATED: Kind = "replicated"
PREVALENCE = ("signature_prevalence", "signature_prevalence_press")


@cache
def _stjude() -> open_tables.Activities:
    return open_tables.stjude_activities()


def _menu(candidates: str, cosmic_version: str, exome: bool) -> pd.DataFrame:
    """Candidate signatures: `stjude`, `leukaemia`, `narrow` or `wide` (all but artefacts)."""
    catalogue = reference.cosmic(cosmic_version, exome=exome)
    if candidates == "wide":
        return catalogue[[s for s in catalogue if s not in reference.ARTEFACTS]]
    names: Sequence[str] = NARROW
    if candidates == "leukaemia":
        names = sorted(reference.LEUKAEMIA)
    elif candidates == "stjude":
        known = _stjude()
        exposures = known.exposures[known.samples["is_all"] & ~known.samples["relapse"]]
        seen = exposures.columns[(exposures > 0).any()]
        names = sorted({*seen, *reference.MISMATCH_REPAIR, *THERAPY})
    return catalogue[reference.named(catalogue, names)]


# --- exomes of TARGET -----------------------------------------------------------------------------


def _exome_tests(given: Given, candidates: str, cosmic_version: str) -> pd.DataFrame:
    """P of both signatures in each exome, with its stage (notebook 05)."""
    all_exomes = open_spectra.target_exomes("ALL")
    menu = _menu(candidates, cosmic_version, exome=True)
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
        _menu(candidates, cosmic_version, exome=True),
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
    called = _called(found["p_value"], correction, alpha)
    relapse = found["stage"] == "relapse"
    present = called[relapse].groupby(found["sample"]).any()
    return _prevalences(int(present.sum()), len(present), "TARGET ALL exomes")


def _counts(
    present: "pd.Series[bool]", group: "pd.Series[Any]", groups: Sequence[object]
) -> tuple[int, int, int, int]:
    """How many of how many, in the first group and in the second."""
    first, second = (present[group == name] for name in groups)
    return int(first.sum()), len(first), int(second.sum()), len(second)


def _called(p_values: "pd.Series[float]", correction: str, alpha: float) -> "pd.Series[bool]":
    """Which are called at a level, with a correction for their number."""
    if correction == "holm":
        return exact.holm(p_values) < alpha
    return (p_values if correction == "none" else exact.q_values(p_values)) < alpha


def _prevalences(hits: int, size: int, data: str) -> list[Evidence]:
    share = exact.proportion(hits, size).percent
    about = (share.value, share.interval, size, data)
    return [Evidence(claim, REPLICATED, *about) for claim in PREVALENCE]


# --- genomes of St Jude ---------------------------------------------------------------------------


def _stjude_groups(least: float) -> pd.DataFrame:
    """Which genomes have more than a share of each signature, and of which group they are."""
    known = _stjude()
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
        menu = menu if artefacts else _menu("wide", cosmic_version, exome)
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
    parts = [_called(part, correction, alpha) for _, part in p.groupby(families)]
    called = pd.concat(parts).reindex(p.index)
    found = []
    for data, part in called.groupby(groups, sort=False):
        share = exact.proportion(int(part.sum()), len(part)).percent
        about = (share.value, share.interval, len(part), str(data))
        found.append(Evidence("signature_absent_cancers", REPLICATED, *about))
    return found


# --- the cohort at hand ---------------------------------------------------------------------------


def _exome(given: Given) -> bool:
    """Whether all samples with mutations are exomes."""
    sequenced = given.samples["sample"].isin(given.mutations["sample"])
    return bool((given.samples.loc[sequenced, "platform"] == "exome").all())


def _cohort_tests(given: Given, gained: bool, candidates: str, cosmic_version: str) -> pd.DataFrame:
    """P of both signatures in each sample of the cohort (notebook 05)."""
    of = given.samples.set_index("sample")
    if gained:
        counts = signatures.gained_spectra(given.mutations, given.samples)
    else:
        counts = spectra.from_mutations(given.mutations)
        counts = counts.loc[:, of["stage"].reindex(counts.columns).isin(STAGES)]
    menu = _menu(candidates, cosmic_version, _exome(given))
    tests = {t: signatures.presence(counts, menu, t, level=None) for t in THERAPY}
    table = pd.concat(tests, names=["target"]).reset_index()
    return table.join(of[["stage", "patient"]], on="sample")


def cohort_with_either(
    given: Given,
    *,
    gained: bool = False,
    candidates: str = "stjude",
    cosmic_version: str = "3.4",
    correction: str = "q",
    alpha: float = 0.05,
    hypermutators: bool = True,
) -> list[Evidence]:
    """Relapses of the cohort with SBS86 or SBS87.

    gained : whether only what a relapse gained is looked at, or all its mutations
    candidates : signatures that may take part: `stjude` or `leukaemia`
    cosmic_version : of the catalogue
    correction, alpha : as for `exomes_with_either`, over samples of both stages
    hypermutators : whether relapses with far more mutations than usual count
    """
    if not given.has_contexts:
        return []
    tests = given.once(_cohort_tests, gained, candidates, cosmic_version)
    planted = given.truth("patients")
    if not hypermutators:
        out = given.once(hypermutated)
        tests = tests[~tests["patient"].isin(out)]
        planted = planted if planted is None else planted[~planted["patient"].isin(out)]
    called = _called(tests["p_value"], correction, alpha)
    relapse = tests["stage"] == "relapse"
    present = called[relapse].groupby(tests["sample"]).any()
    share = exact.proportion(int(present.sum()), len(present)).percent
    truth = None if planted is None else 100 * planted["therapy_signature"].mean()
    return [given.evidence("signature_prevalence", share, len(present), truth)]


def _acquired(given: Given) -> pd.DataFrame:
    """Relapse-only substitutions with their channel and, where it is known, their cause."""
    seen = given.once(mutations_seen)
    seen = seen[seen["channel"].notna() & (seen["when"] == "relapse only")]
    planted = given.truth("mutations")
    if planted is None:
        return seen
    key = ["patient", *VARIANT]
    seen = seen.merge(planted[[*key, "cause"]], on=key, validate="1:1")
    return seen.assign(planted=seen["cause"].isin(THERAPY))


def _acquired_counts(given: Given, menu: pd.DataFrame) -> pd.DataFrame:
    acquired = given.once(_acquired)
    counts = pd.crosstab(acquired["channel"], acquired["patient"])
    return counts.reindex(menu.index, fill_value=0)


def _acquired_tests(given: Given, candidates: str, cosmic_version: str) -> pd.DataFrame:
    """P of each signature (columns) in what each relapse gained (notebook 06)."""
    menu = _menu(candidates, cosmic_version, _exome(given))
    counts = _acquired_counts(given, menu)
    tests = {t: signatures.presence(counts, menu, t, level=None)["p_value"] for t in THERAPY}
    return pd.DataFrame(tests)


def very_early_with_either(
    given: Given,
    *,
    candidates: str = "leukaemia",
    cosmic_version: str = "3.4",
    correction: str = "bonferroni",
    alpha: float = 0.05,
    first_cut: float = 9.0,
    hypermutators: bool = True,
) -> list[Evidence]:
    """Very early relapses that gained mutations of SBS86 or SBS87.

    candidates, cosmic_version : as for `cohort_with_either`
    correction : `bonferroni` over relapses and signatures, or `q` over relapses for each signature
    alpha : level of the correction
    first_cut : months, from which a relapse is no longer very early
    hypermutators : whether relapses with far more mutations than usual count
    """
    if not given.has_contexts:
        return []
    p = given.once(_acquired_tests, candidates, cosmic_version)
    patients = with_timing(given.patients, first_cut, 36.0).set_index("patient")
    planted = given.truth("patients")
    if not hypermutators:
        p = p.drop(index=given.once(hypermutated), errors="ignore")
    smallest = p.min(axis=1) * p.size if correction == "bonferroni" else p.apply(exact.q_values)
    called = pd.DataFrame(smallest).min(axis=1) < alpha
    called = called[(patients["timing"].reindex(called.index) == "very early").to_numpy()]
    if not len(called):
        return []
    share = exact.proportion(int(called.sum()), len(called)).percent
    truth = None
    if planted is not None:
        made = planted.set_index("patient")["therapy_signature"]
        truth = 100 * made.reindex(called.index).mean()
    return [given.evidence("signature_timing", share, len(called), truth)]


def _draws(given: Given, candidates: str, cosmic_version: str) -> signatures.Draws:
    """Exposures of what each relapse gained, from their posterior (notebook 06)."""
    menu = _menu(candidates, cosmic_version, _exome(given))
    return signatures.exposure_draws(_acquired_counts(given, menu), menu, replicates=400, seed=1)


def resistance_mutations(
    given: Given,
    *,
    candidates: str = "leukaemia",
    cosmic_version: str = "3.4",
    background: float = 1.0,
    missense: bool = False,
    hypermutators: bool = True,
) -> list[Evidence]:
    """Share of the acquired mutations of four resistance genes that SBS86 and SBS87 wrote.

    candidates : signatures that may take part: `leukaemia` or `narrow`
    cosmic_version : of the catalogue
    background : share of the other processes' mutations that fell while the drugs acted
    missense : whether only changes of an amino acid count, or all that change the protein
    hypermutators : whether mutations of hypermutated relapses count
    """
    if not given.has_contexts:
        return []
    acquired = given.once(_acquired)
    classes = acquired["Variant_Classification"]
    changed = classes.notna() & ~classes.isin(enrichment.UNCHANGED)
    changed &= (classes == "Missense_Mutation") if missense else True
    if not hypermutators:
        changed &= ~acquired["patient"].isin(given.once(hypermutated))
    drivers = acquired[changed & acquired["Hugo_Symbol"].isin(GENES)].reset_index(drop=True)
    if not len(drivers):
        return []
    draws = given.once(_draws, candidates, cosmic_version)
    if background != 1:
        others = [s for s in draws.signatures if s not in THERAPY]
        draws = draws.weighted(pd.Series(background, others))
    share = signatures.attributed_share(drivers, draws, THERAPY, by="patient", seed=1).percent
    truth = 100 * drivers["planted"].mean() if "planted" in drivers else None
    return [given.evidence("signature_mutations", share, len(drivers), truth)]


def _extracted(given: Given, gained: bool) -> tuple[signatures.Extraction, int]:
    """Signatures that come out of the cohort, and the number of its spectra (notebook 04)."""
    if gained:
        counts = signatures.gained_spectra(given.mutations, given.samples)
    else:
        counts = spectra.from_mutations(given.mutations)
    return signatures.extract(counts, range(2, 7), 50, seed=1), counts.shape[1]


def new_signatures(
    given: Given,
    *,
    gained: bool = True,
    hypermutators: bool = True,
    novel: float = 0.9,
    stable: float = 0.8,
) -> list[Evidence]:
    """How many of the two signatures come out as novel where the catalogue lacks them.

    gained : whether spectra are of what relapses gained and diagnoses had, or of whole samples
    hypermutators : whether relapses with far more mutations than usual count
    novel : cosine below which no known signature, or mixture, explains one
    stable : silhouette from which one is told from chance
    """
    if not given.has_contexts or len(given.samples) < 12:
        return []
    here = given.once(fewer, hypermutators)
    found, size = here.once(_extracted, gained)
    catalogue = reference.cosmic(exome=_exome(given))
    unknown = signatures.match(found, catalogue.drop(columns=THERAPY))
    near = unknown[["cosine", "mixture_cosine"]].max(axis=1)
    names = near.index[(near < novel) & (found.silhouettes >= stable)]
    again = signatures.match(found, catalogue).loc[names]
    rightly = again["best"].isin(THERAPY) & (again["cosine"] >= novel)
    number = float(np.sum(rightly))
    causes = here.truth("mutations")
    truth = None
    if causes is not None:
        truth = causes.loc[causes["cause"].isin(THERAPY), "cause"].nunique()
    estimate = Estimate(number, number, number)
    return [here.evidence("novel_signatures", estimate, size, truth, interval=False)]

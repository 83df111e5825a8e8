"""Signatures of therapy in the cohort at hand: in whom, whether with therapy, what they wrote."""

import numpy as np
import pandas as pd

from allrelapse import enrichment, exact, signatures
from allrelapse.data import reference, spectra
from allrelapse.data.tables import VARIANT
from allrelapse.exact import Estimate
from allrelapse.multiverse import therapy
from allrelapse.multiverse.given import (
    Evidence,
    Given,
    fewer,
    hypermutated,
    mutations_seen,
    with_timing,
)
from allrelapse.multiverse.therapy import STAGES, THERAPY

GENES = ["NT5C2", "PRPS1", "NR3C1", "TP53"]


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
    menu = therapy.menu(candidates, cosmic_version, _exome(given))
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
    called = therapy.called(tests["p_value"], correction, alpha)
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
    menu = therapy.menu(candidates, cosmic_version, _exome(given))
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
    menu = therapy.menu(candidates, cosmic_version, _exome(given))
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

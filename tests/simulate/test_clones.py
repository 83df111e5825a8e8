"""Clones: who descends from whom, what each carries, and how many cells each has when."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from allrelapse.simulate import Settings
from allrelapse.simulate.clones import (
    MAJOR,
    MINOR,
    NAMES,
    PERSISTER,
    TRUNK,
    clones,
    therapy_mutations,
)
from allrelapse.simulate.disease import PRE_EXISTING, REGROWTH
from allrelapse.simulate.targets import SIGNATURES

SETTINGS = Settings()
SBS86, SBS87 = (SIGNATURES.index(name) for name in ("SBS86", "SBS87"))
Z = 4


def many(case, number=2000, age=5.0, **changed):
    rng = np.random.default_rng(1)
    settings = SETTINGS.model_copy(update=changed)
    return [clones(case, age, settings, rng) for _ in range(number)]


def with_lineages(histories, number):
    return next(past.case for past in histories if len(past.case.lineages) == number)


def test_shares_of_cells_fit_into_each_other(histories):
    for past in histories:
        tree = past.tree
        for share in (tree.at_diagnosis, tree.at_relapse):
            assert share[TRUNK] == 1
            assert ((share >= 0) & (share <= 1 + 1e-9)).all()
            for clone in range(len(share)):
                children = share[tree.parent == clone].sum()
                assert children <= share[clone] + 1e-9
        assert (tree.at_diagnosis[PERSISTER:] == 0).all()
        mine = tree.lineage >= 0
        assert tree.at_relapse[mine] == pytest.approx(past.case.share)


def test_no_clone_is_older_than_the_one_it_comes_from(histories):
    assert any((past.case.lineages.born < -20).any() for past in histories)
    for past in histories:
        tree = past.tree
        child = np.arange(1, len(tree.parent))
        assert (tree.founded[tree.parent[child]] <= tree.founded[child]).all()
        assert (tree.founded[: PERSISTER + 1] < 0).all()
        assert (tree.founded[PERSISTER + 1 :] == past.case.lineages.born).all()


def test_relapses_descend_from_the_clones_at_diagnosis_as_often_as_set(histories):
    one = with_lineages(histories, 1)
    trees = many(one)
    seen = [sum(tree.parent[PERSISTER] == clone for tree in trees) for clone in (MINOR, MAJOR, 0)]
    weights = np.array([0.5 + 0.09, 0.27 + 0.09, 0.05]) / 1.0  # "several" is either, for one
    assert chisquare(seen, 2000 * weights).pvalue > 1e-4
    assert all(tree.parent[PERSISTER + 1] == PERSISTER for tree in trees)


def test_several_lineages_may_descend_from_several_clones(histories):
    trees = many(with_lineages(histories, 2), ancestors={"several": 1.0})
    apart = [tree for tree in trees if tree.parent[4] != tree.parent[5]]
    assert abs(len(apart) - 1000) < Z * np.sqrt(500)
    for tree in apart:
        assert {tree.parent[4], tree.parent[5]} == {MAJOR, MINOR}
        assert tree.at_relapse[PERSISTER] == 0
        assert tree.at_relapse[MAJOR] == tree.at_relapse[4 if tree.parent[4] == MAJOR else 5]


def test_what_lost_mismatch_repair_descends_from_the_cell_that_lost_it(histories):
    case = with_lineages(histories, 2)
    case = replace(case, traits=replace(case.traits, mmr="MSH2"))
    for tree in many(case, 100, ancestors={"several": 1.0}):
        assert (tree.parent[4:] == PERSISTER).all()
        assert tree.at_relapse[PERSISTER] == pytest.approx(case.share.sum())


def test_the_founder_cell_has_the_mutations_of_its_years(histories):
    """Mean of a lognormal law is exp(sd^2 / 2) times its median."""
    case, number, age, sd = with_lineages(histories, 1), 3000, 8.0, SETTINGS.prenatal_sd
    plain = np.array([t.load[TRUNK].sum() for t in many(case, number, age, apobec=0)])
    expected = SETTINGS.prenatal * np.exp(sd**2 / 2) + SETTINGS.clock * age
    spread = SETTINGS.prenatal * np.exp(sd**2 / 2) * np.sqrt(np.expm1(sd**2))
    assert abs(plain.mean() - expected) < Z * spread / np.sqrt(number)
    assert np.median(plain) == pytest.approx(
        SETTINGS.prenatal + SETTINGS.clock * age, abs=Z * 1.2533 * 180 * sd / np.sqrt(number)
    )


def test_some_founders_have_the_mutations_of_apobec(histories):
    apobec = [SIGNATURES.index(name) for name in ("SBS2", "SBS13")]
    loads = np.array([t.load[TRUNK][apobec] for t in many(with_lineages(histories, 1), 4000)])
    with_any = loads[:, 0] > 0
    error = np.sqrt(0.1 * 0.9 / 4000)
    assert abs(with_any.mean() - SETTINGS.apobec) < Z * error
    assert loads[:, 0] == pytest.approx(loads[:, 1])
    total = loads[with_any].sum(axis=1)  # exponential, so its spread is its mean
    assert abs(total.mean() - SETTINGS.apobec_load) < Z * SETTINGS.apobec_load / np.sqrt(len(total))


@pytest.mark.parametrize(
    ("day", "thiopurine_days", "sbs86_days"),
    # consolidation 36-134 and maintenance 197-910; SBS86 in consolidation and re-induction
    [(-40, 0, 0), (36, 0, 0), (100, 64, 64), (134, 98, 98), (150, 98, 114), (300, 201, 161),
     (910, 811, 161), (2000, 811, 161)],
)  # fmt: skip
def test_therapy_mutations_are_days_of_the_drug_times_mutations_per_day(
    day, thiopurine_days, sbs86_days, histories
):
    case = histories[0].case
    case = replace(case, traits=replace(case.traits, thiopurine=1.7, sbs86=0.9, mmr=""))
    load = therapy_mutations(case, SETTINGS, day)
    assert load[SBS87] == pytest.approx(1.7 * thiopurine_days)
    assert load[SBS86] == pytest.approx(0.9 * sbs86_days)
    treated = np.clip(day, 0, 910)  # .6 a day, and 3 a division at .05 divisions a day
    assert load.sum() - load[[SBS86, SBS87]].sum() == pytest.approx(0.75 * treated)


def test_mutations_per_day_are_recovered_from_the_loads_of_clones(histories):
    for past in histories:
        tree, case = past.tree, past.case
        for clone in range(PERSISTER + 1, len(tree.parent)):
            born = case.lineages.born[tree.lineage[clone]]
            days = sum(np.clip(born - a, 0, b - a) for a, b in ((36, 134), (197, 910)))
            resting = case.lineages.kind[tree.lineage[clone]] == REGROWTH
            if resting and case.lineages.cells[tree.lineage[clone]] >= 5:
                assert not tree.load[clone].any()  # many cells have nothing in common
            else:
                assert tree.load[clone, SBS87] == pytest.approx(case.traits.thiopurine * days)


def test_pre_existing_clones_carry_no_therapy_mutations(histories):
    seen = 0
    for past in histories:
        for clone in range(PERSISTER + 1, len(past.tree.parent)):
            if past.case.lineages.kind[past.tree.lineage[clone]] == PRE_EXISTING:
                seen += 1
                assert past.tree.load[clone].sum() == pytest.approx(SETTINGS.subclonal)
                assert not past.tree.load[clone, [SBS86, SBS87]].any()
    assert seen > 40


def test_clones_at_diagnosis_carry_no_therapy_mutations(histories):
    for past in histories:
        assert not past.tree.load[: PERSISTER + 1, [SBS86, SBS87]].any()


def test_names_are_those_of_the_lineages_by_size(histories):
    past = next(past for past in histories if len(past.case.lineages) == 2)
    names = [past.tree.name(clone) for clone in range(6)]
    assert names == [*NAMES, "relapse-1", "relapse-2"]


def test_cells_over_time_add_up(histories):
    for past in histories[:100]:
        case, tree = past.case, past.tree
        days = np.array([0.0, 20.0, 100.0, past.case.day])
        total, carrying = tree.over_time(case, days)
        by_hand = case.sensitive(days) + case.cells(days).sum(axis=0)
        np.testing.assert_allclose(total, by_hand)
        np.testing.assert_allclose(carrying[TRUNK], total)
        own = case.traits.persisters * np.exp(-case.traits.decline * days)
        children = case.cells(days)[tree.parent[4:] == PERSISTER].sum(axis=0)
        np.testing.assert_allclose(carrying[PERSISTER], own + children)
        for clone in range(len(tree.parent)):
            children = carrying[tree.parent == clone].sum(axis=0)
            assert (children <= carrying[clone] * (1 + 1e-9) + 1e-6).all()


def test_cells_over_time_begin_and_end_with_the_shares_of_the_clones(histories):
    for past in histories[:200]:
        case, tree = past.case, past.tree
        total, carrying = tree.over_time(case, np.array([0.0, case.day]))
        atol = 2e-3  # persisters are at most 1 in 1,000 cells at diagnosis
        np.testing.assert_allclose(carrying[:3, 0] / total[0], tree.at_diagnosis[:3], atol=atol)
        left = case.sensitive(np.array([case.day]))[0] / total[1]
        seen = case.share.sum()  # the rest of the cells are in lineages too small to count
        expected = np.where(np.arange(len(tree.parent)) == TRUNK, 1, tree.at_relapse / seen)
        atol = max(2 * left, 1e-9)
        np.testing.assert_allclose(carrying[:, 1] / total[1], expected, atol=atol)
        assert total[1] == pytest.approx(case.traits.detection * seen, rel=0.01 + atol)

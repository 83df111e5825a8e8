"""Leukaemias from diagnosis to relapse, against their settings and the laws of FACTS section 4."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, kstest

from allrelapse.data import genome, reference
from allrelapse.simulate import Settings, disease, make
from allrelapse.simulate.disease import ACQUIRED, PRE_EXISTING, Course, Lineages
from allrelapse.simulate.patient import history
from allrelapse.simulate.targets import SIGNATURES, targets

SETTINGS = Settings()
SBS44, SBS86, SBS87 = (SIGNATURES.index(name) for name in ("SBS44", "SBS86", "SBS87"))
Z = 4


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    return [disease.traits(SETTINGS, rng) for _ in range(5000)]


def column(people, name):
    return np.array([getattr(person, name) for person in people])


def is_normal(values, mean, spread):
    n = len(values)
    assert abs(values.mean() - mean) < Z * spread / np.sqrt(n)
    assert abs(values.std() - spread) < Z * spread / np.sqrt(2 * n)


def is_share(hits, number, share):
    assert binom.cdf(hits, number, share) > 1e-5
    assert binom.sf(hits - 1, number, share) > 1e-5


def test_traits_scatter_about_their_medians_as_set(people):
    s = SETTINGS
    is_normal(np.log10(column(people, "burden")), np.log10(s.burden), s.burden_sd)
    is_normal(np.log(column(people, "doubling")), np.log(s.doubling), s.doubling_sd)
    is_normal(np.log10(column(people, "detection")), np.log10(s.detection), s.detection_sd)
    is_normal(column(people, "sensitive_kill"), s.sensitive_kill, s.sensitive_kill_sd)
    kept = np.log10(column(people, "persisters") / column(people, "burden"))
    is_normal(kept[kept < -3], np.log10(s.persisters), s.persisters_sd)  # at most 1 in 1,000
    assert kept.max() <= -3 + 1e-9
    median = np.median(column(people, "decline"))
    error = 1.2533 * s.persister_decline_sd / np.sqrt(len(people))  # of a normal law's median
    assert abs(median - s.persister_decline) < Z * error


def test_slow_killing_and_many_persisters_go_together_as_set(people):
    kept = np.log10(column(people, "persisters") / column(people, "burden"))
    seen = np.corrcoef(column(people, "sensitive_kill"), kept)[0, 1]
    error = 1 / np.sqrt(len(people) - 3)  # of Fisher's z
    assert abs(np.arctanh(seen) + np.arctanh(SETTINGS.persisters_kill)) < Z * error


def test_shares_of_leukaemias_that_drugs_mutate_are_as_set(people):
    s, n = SETTINGS, len(people)
    thiopurine, sbs86 = column(people, "thiopurine"), column(people, "sbs86")
    is_share((thiopurine > 0).sum(), n, s.thiopurine_prone)
    is_share((sbs86 > 0).sum(), n, s.sbs86_prone)
    is_share((column(people, "mmr") != "").sum(), n, s.mmr_deficient)
    prone = np.log(thiopurine[thiopurine > 0])
    is_normal(prone, np.log(s.thiopurine_load), s.thiopurine_load_sd)
    assert set(column(people, "mmr")) == {"", "MSH2", "MSH6", "PMS2"}


def test_a_drug_mutates_only_while_it_is_given(people):
    person = replace(people[0], thiopurine=2.0, sbs86=3.0, mmr="")
    daily = {
        phase.name: disease.mutation_rates(person, SETTINGS, phase) * SETTINGS.persister_division
        for phase in SETTINGS.phases
    }
    given = {name: (rates[SBS87], rates[SBS86]) for name, rates in daily.items()}
    assert given == {
        "induction": (0, 0), "consolidation": pytest.approx((2, 3)),
        "re-induction": pytest.approx((0, 3)), "maintenance": pytest.approx((2, 0)),
    }  # fmt: skip
    background = SETTINGS.therapy_load + 3 * SETTINGS.persister_division
    assert daily["induction"].sum() == pytest.approx(background)


def test_without_mismatch_repair_a_division_leaves_that_many_times_more_mutations(people):
    phase = SETTINGS.phases[0]
    rates = [
        disease.mutation_rates(replace(people[0], mmr=gene), SETTINGS, phase)
        for gene in ("", "MSH2")
    ]
    more = SETTINGS.mutations_per_division * (SETTINGS.mmr_load - 1)
    assert (rates[1] - rates[0])[SBS44] == pytest.approx(more)
    assert np.delete(rates[1] - rates[0], SBS44) == pytest.approx(0)


def course(people, **changed):
    return Course.planned(replace(people[0], **changed), SETTINGS, targets())


def test_divisions_are_the_integral_of_the_dwindling_persisters(people):
    planned = course(people, persisters=1e6, decline=0.03)
    by_hand, _ = quad(lambda day: 0.05 * 1e6 * np.exp(-0.03 * day), 36, 134)
    assert planned.divisions(36, 134) == pytest.approx(by_hand)


def test_mutants_grow_while_their_drug_is_given_and_after_therapy(people):
    planned, where = course(people), targets()
    grows = {str(drug): list(planned.active[:-1][where.drug == drug][0]) for drug in where.drug}
    assert grows == {
        "thiopurine": [False, True, False, True, True],
        "glucocorticoid": [True, False, True, True, True],
        "methotrexate": [False, True, False, True, True],
        "multi": [True] * 5,
    }
    assert planned.active[-1].all()  # what resists everything


def test_a_hot_spot_is_hit_as_often_as_its_channel_and_the_divisions_say(people):
    """Mutations of SBS87 per day, times w_c / N_c for R367Q (C[C>T]G), times persisters' days."""
    planned = course(people, persisters=2e11, decline=0.02, thiopurine=1.5, mmr="", sbs86=0.0)
    where = planned.where
    spot = int(np.flatnonzero(where.table["protein"] == "p.R367Q")[0])
    cosmic = reference.cosmic("3.4", "GRCh37")["SBS87"]
    chance = cosmic["C[C>T]G"] / genome.context_counts()["CCG"]
    days = sum(
        quad(lambda day: 2e11 * np.exp(-0.02 * day), p.start, p.end)[0]
        for p in SETTINGS.phases
        if "thiopurine" in p.drugs
    )
    expected = 1.5 * days * chance * SETTINGS.escape
    assert expected > 500
    made = disease._acquired(planned, np.random.default_rng(2))
    mine = (made.target == spot) & (made.cause == SBS87)
    assert abs(mine.sum() - expected) < Z * np.sqrt(expected)
    born = made.born[mine]
    assert (((born >= 36) & (born <= 134)) | ((born >= 197) & (born <= 910))).all()
    early = sum(np.exp(-0.02 * day) * sign for day, sign in ((36, 1), (134, -1)))
    late = sum(np.exp(-0.02 * day) * sign for day, sign in ((197, 1), (910, -1)))
    is_share((born < 134).sum(), len(born), early / (early + late))
    first = born[born < 134]  # within a phase they come as the persisters dwindle

    def law(day):
        return np.expm1(-0.02 * (day - 36)) / np.expm1(-0.02 * (134 - 36))

    assert kstest(first, law).pvalue > 1e-4


def test_standing_mutants_are_as_many_as_a_generation_of_persisters_makes(people):
    planned = course(people, persisters=5e13)
    expected = 5e13 * SETTINGS.standing * planned.rates(None).sum()
    made = disease._standing(planned, np.random.default_rng(3))
    assert expected > 500
    assert abs(len(made) - expected) < Z * np.sqrt(expected)
    assert (made.born <= 0).all()
    assert (made.start >= 0).all()


def test_pre_existing_mutants_are_as_many_as_iwasa_says(people):
    """FACTS 4.1, neutral: their number is Poisson, of mean -Mu / b ln(1 - b)."""
    s = SETTINGS
    ratio = s.death / s.birth
    mean = s.burden * s.multidrug_rate * -np.log1p(-ratio) / ratio
    planned, rng = course(people, burden=s.burden), np.random.default_rng(4)
    numbers = [len(disease._pre_existing(planned, rng)) for _ in range(5000)]
    assert abs(np.mean(numbers) - mean) < Z * np.sqrt(mean / 5000)


def test_one_resistant_cell_at_diagnosis_relapses_ten_months_later(people):
    """FACTS 4.8: T = (ln N + ln pi + gamma_E) / g on average, sd 1.2825 / g; 1: 291.9 days."""
    person = replace(people[0], doubling=7.4)
    planned, number = course(people, doubling=7.4), 1500
    rng = np.random.default_rng(5)
    none = np.full(number, -1)
    cells = planned.mutants(PRE_EXISTING, none, none, np.full(number, -50.0), rng)
    ends = disease._followed(cells, planned.phases, rng)
    days = np.array(
        [
            disease._detected(cells.where(one), ends[one], planned.phases, 7.5e11) or np.nan
            for one in np.eye(number, dtype=bool)
        ]
    )
    growth, lasting = np.log(2) / person.doubling, 1 - SETTINGS.turnover
    is_share(int((~np.isnan(days)).sum()), number, lasting)
    back = days[~np.isnan(days)]
    mean = (np.log(7.5e11) + np.log(lasting) + np.euler_gamma) / growth
    assert mean == pytest.approx(292, abs=1)
    spread = np.pi / np.sqrt(6) / growth
    # cells are taken at their mean within a phase, from its end backwards: no bias beyond error
    assert abs(back.mean() - mean) < Z * spread / np.sqrt(len(back))
    assert back.std() == pytest.approx(spread, rel=0.12)


def test_resistance_to_one_drug_grows_at_a_share_of_the_speed_without_therapy(people):
    planned, rng = course(people, doubling=7.4), np.random.default_rng(6)
    spot = np.full(4000, int(np.flatnonzero(targets().drug == "thiopurine")[0]))
    made = planned.mutants(ACQUIRED, spot, np.zeros(4000, int), np.full(4000, 50.0), rng)
    full = np.log(2) / 7.4
    net = made.birth - made.death
    awake = made.start == 50
    is_share(int((~awake).sum()), 4000, SETTINGS.dormant)
    share = net[awake, 1] / full  # consolidation, in which thiopurine is given
    assert share.min() >= SETTINGS.weakest - 1e-9
    assert share.max() <= 1 + 1e-9
    assert share.mean() == pytest.approx((SETTINGS.weakest + 1) / 2, abs=Z * 0.22 / np.sqrt(3000))
    assert net[awake, 2] == pytest.approx(-planned.person.decline)  # re-induction: it dwindles
    assert net[awake, 4] == pytest.approx(full)
    assert (made.start[~awake] > 910).all()


def test_the_leukaemia_is_found_when_its_cells_reach_the_threshold(histories):
    for past in histories:
        case = past.case
        assert 0 < case.day <= SETTINGS.horizon
        assert (np.diff(case.share) <= 0).all()
        assert case.share.sum() <= 1 + 1e-9
        assert (case.share[1:] >= 0.05).all()
        cells = case.cells(np.array([case.day]))[:, 0]
        total = cells[0] / case.share[0]
        # the day is found to 0.01 of one
        fastest = (case.lineages.birth - case.lineages.death).max()
        assert 1 - 1e-6 <= total / case.traits.detection <= np.exp(0.011 * fastest)
        assert cells / total == pytest.approx(case.share)


def test_cells_between_the_ends_of_phases_meet_them(histories):
    for past in histories[:50]:
        case = past.case
        for k, phase in enumerate(case.phases[:-1]):
            just_before = case.cells(np.array([phase.end - 1e-9]))[:, 0]
            started = case.lineages.start < phase.end - 1e-9
            np.testing.assert_allclose(just_before[started], case.ends[started, k], rtol=1e-6)
            assert (just_before[~started] == 0).all()


def test_sensitive_cells_die_and_persisters_dwindle_as_set(histories):
    traits = histories[0].case.traits
    day = 30.0
    expected = traits.burden * np.exp(-traits.sensitive_kill * day)
    expected += traits.persisters * np.exp(-traits.decline * day)
    assert histories[0].case.sensitive(np.array([day]))[0] == pytest.approx(expected)


def test_very_early_relapses_are_mostly_pre_existing_and_others_are_not(histories):
    """The model of Li 2020 (abstract): very early relapse comes from pre-existing clones."""
    first = np.array([past.case.lineages.kind[0] == PRE_EXISTING for past in histories])
    very_early = np.array([past.timing == "very early" for past in histories])
    assert very_early.sum() > 40
    assert first[very_early].mean() > 0.6
    assert first[~very_early].mean() < 0.25


def kinds(number=80, **settings):
    made = [history(make(settings), np.random.default_rng([8, k])) for k in range(number)]
    return made, {disease.KINDS[k] for past in made for k in past.case.lineages.kind}


def test_every_mechanism_occurs_by_default_and_each_can_be_switched_off():
    assert kinds()[1] >= set(disease.KINDS) - {"standing"}
    assert "pre-existing" not in kinds(multidrug_rate=0)[1]
    assert "other" not in kinds(other_rate=0)[1]
    off = kinds(escape=0)
    assert not off[1] & {"acquired", "standing"}
    assert not any(past.genes(targets()) - {past.case.traits.mmr} for past in
                   kinds(escape=0, multidrug_in_genes=0)[0])  # fmt: skip
    only = kinds(multidrug_rate=0, other_rate=0, escape=0)
    assert only[1] == {"regrowth"}
    assert min(past.day for past in only[0]) > 910


def test_no_mutant_rests_where_none_is_dormant():
    for past in kinds(dormant=0)[0]:
        lineages = past.case.lineages
        awake = lineages.kind != disease.REGROWTH
        assert (lineages.start[awake] == np.maximum(lineages.born[awake], 0)).all()


def test_the_largest_lineage_counts_even_where_all_are_small():
    made, _ = kinds(20, other_rate=1e-3)
    assert any(past.case.share[0] < 0.05 for past in made)
    assert all(len(past.case.lineages) >= 1 for past in made)


def test_lineages_keep_their_columns_together():
    many = Lineages(*(np.arange(3) + k for k in range(6)), *(np.ones((3, 2)) for _ in range(2)))
    both = Lineages.joined([many, many.where(np.array([False, True, False]))])
    assert len(both) == 4
    assert [both.kind[3], both.target[3], both.cells[3]] == [1, 2, 6]


def test_relapses_are_as_rare_as_the_leukaemias_that_were_drawn_for_them(histories):
    """Each relapse took a geometric number of leukaemias: their mean is 1 / risk."""
    drawn = np.array([past.treated for past in histories])
    risk = len(drawn) / drawn.sum()
    is_share(int((drawn == 1).sum()), len(drawn), risk)

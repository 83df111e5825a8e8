"""What sequencing shows, against the expected allele fraction of Carter 2012 and the read laws."""

import numpy as np
import pytest
from scipy.stats import binom

from allrelapse.simulate import Settings, sequencing
from allrelapse.simulate.clones import PERSISTER, TRUNK
from allrelapse.simulate.sequencing import GAINED, X

SETTINGS = Settings()
Z = 4
N = 4000
LOST, GAIN, TWO = 0, 1, 2  # chromosomes with 1, 3 and 2 copies below


def found_of(chromosomes, ccf=(0.6, 0.9), clone=1, kind="Silent"):
    """N variants on each of some chromosomes, with these shares of the cells."""
    n = N * len(chromosomes)
    return {
        "chromosome": np.repeat(chromosomes, N), "clone": np.full(n, clone),
        "at_diagnosis": np.full(n, ccf[0]), "at_relapse": np.full(n, ccf[1]),
        "class": np.full(n, kind, object), "reference": np.full(n, "C", object),
        "protein": np.full(n, None, object),
    }  # fmt: skip


def copies():
    full = np.full((2, 23), 2.0)
    full[:, LOST], full[:, GAIN], full[:, X] = 1, 3, 1
    return full


@pytest.mark.parametrize(
    ("ccf", "purity", "copies", "normal", "expected"),
    [
        (1, 0.8, 2, 2, 0.4),
        (0.5, 0.8, 2, 2, 0.2),
        (1, 0.8, 3, 2, 0.8 / 2.8),
        (1, 0.8, 1, 2, 0.8 / 1.2),
        (1, 0.7, 1, 1, 0.7),  # the only X of a boy
        (0, 0.8, 2, 2, 0),
    ],
)
def test_allele_fraction_is_that_of_carter(ccf, purity, copies, normal, expected):
    assert sequencing.allele_fraction(ccf, purity, copies, normal) == pytest.approx(expected)


def test_fractions_and_depths_are_recovered_whatever_the_copy_number():
    rng = np.random.default_rng(1)
    chromosomes = [LOST, GAIN, TWO, X]
    seen = sequencing.sequenced(found_of(chromosomes), copies(), True, SETTINGS, rng)
    wrong = SETTINGS.error
    for k, chromosome in enumerate(chromosomes):
        mine = slice(k * N, (k + 1) * N)
        c, normal = copies()[0, chromosome], 1 if chromosome == X else 2
        for stage, ccf in enumerate((0.6, 0.9)):
            p = seen["purity"][stage]
            cells = p * c + (1 - p) * normal
            fraction = p * ccf / cells
            fraction = fraction * (1 - wrong) + (1 - fraction) * wrong / 3
            depth, alternative = (seen[x][stage, mine] for x in ("depth", "alternative"))
            error = np.sqrt(fraction * (1 - fraction) / depth.sum())
            assert abs(alternative.sum() / depth.sum() - fraction) < Z * error
            mean = SETTINGS.depth * cells / 2
            variance = mean + mean**2 / SETTINGS.depth_dispersion  # gamma-Poisson
            assert abs(depth.mean() - mean) < Z * np.sqrt(variance / N)
            assert depth.var() == pytest.approx(variance, rel=Z * np.sqrt(2.5 / N))
            assert (seen["copies"][stage, mine] == c).all()


def test_half_of_the_trunk_s_mutations_on_a_gained_chromosome_are_on_two_copies():
    rng = np.random.default_rng(2)
    found = found_of([GAIN], ccf=(1, 1), clone=TRUNK)
    settings = SETTINGS.model_copy(update={"depth": 2000, "depth_dispersion": 1e6})
    seen = sequencing.sequenced(found, copies(), True, settings, rng)
    fraction = seen["alternative"] / seen["depth"]
    one = seen["purity"] / (seen["purity"] * 3 + (1 - seen["purity"]) * 2)
    double = fraction > 1.5 * one[:, None]
    assert (double[0] == double[1]).all()
    assert abs(double[0].mean() - 0.5) < Z * 0.5 / np.sqrt(N)
    expected = np.where(double, 2, 1) * one[:, None]
    np.testing.assert_allclose(fraction, expected, atol=6 * np.sqrt(0.25 / 2000))


def test_wrong_bases_show_variants_that_are_absent_at_the_error_rate():
    settings = SETTINGS.model_copy(update={"error": 0.03})
    found = found_of([TWO], ccf=(0, 0.5))
    seen = sequencing.sequenced(found, copies(), True, settings, np.random.default_rng(3))
    reads = seen["depth"][0].sum()
    rate = 0.03 / 3  # a wrong base is one of three
    assert abs(seen["alternative"][0].sum() / reads - rate) < Z * np.sqrt(rate / reads)


def test_without_errors_absent_variants_have_no_reads():
    settings = SETTINGS.model_copy(update={"error": 0.0})
    found = found_of([TWO], ccf=(0, 0))
    seen = sequencing.sequenced(found, copies(), True, settings, np.random.default_rng(4))
    assert not seen["alternative"].any()
    assert not seen["called"].any()


def test_a_call_needs_the_reads_in_either_sample():
    found = found_of([TWO], ccf=(0.03, 0.12))
    seen = sequencing.sequenced(found, copies(), True, SETTINGS, np.random.default_rng(5))
    reads, depth = seen["alternative"], seen["depth"]
    enough = (reads >= 4) & (reads / depth >= 0.03)
    assert (seen["called"] == (enough[0] | enough[1])).all()
    assert 0.1 < seen["called"].mean() < 0.9
    more = SETTINGS.model_copy(update={"reads_to_call": 8})
    fewer = sequencing.sequenced(found, copies(), True, more, np.random.default_rng(5))
    assert (fewer["called"] <= seen["called"]).all()
    assert fewer["called"].sum() < seen["called"].sum()


def test_a_call_needs_three_per_cent_of_the_reads_where_there_are_many():
    settings = SETTINGS.model_copy(update={"depth": 1000})
    found = found_of([TWO], ccf=(0.03, 0.03))
    seen = sequencing.sequenced(found, copies(), True, settings, np.random.default_rng(5))
    enough = seen["alternative"] >= 0.03 * seen["depth"]
    assert (seen["called"] == enough.any(axis=0)).all()
    assert (seen["alternative"].max(axis=0) >= 4)[~seen["called"]].any()


def test_a_deletion_is_called_where_a_fifth_of_the_sample_has_it_and_takes_a_copy():
    found = found_of([TWO], ccf=(0.1, 0.9), kind="Gene_Deletion")
    seen = sequencing.sequenced(found, copies(), True, SETTINGS, np.random.default_rng(6))
    assert seen["called"].all()
    assert (seen["copies"] == [[2.0], [1.0]]).all()
    small = found_of([TWO], ccf=(0.1, 0.1), kind="Gene_Deletion")
    assert not sequencing.sequenced(small, copies(), True, SETTINGS, np.random.default_rng(6))[
        "called"
    ].any()


def test_purity_scatters_about_its_mean():
    rng = np.random.default_rng(7)
    few = {name: column[:1] for name, column in found_of([TWO]).items()}
    purity = np.array(
        [sequencing.sequenced(few, copies(), True, SETTINGS, rng)["purity"] for _ in range(3000)]
    )
    spread = np.sqrt(0.85 * 0.15 / 61)  # beta law of precision 60
    assert purity.std() == pytest.approx(spread, rel=0.05)
    assert abs(purity.mean() - 0.85) < Z * spread / np.sqrt(6000) + 1e-3  # cut at .2 and .99
    assert abs(np.corrcoef(purity.T)[0, 1]) < Z / np.sqrt(3000)


def test_boys_have_one_x_and_girls_two():
    rng = np.random.default_rng(8)
    for _ in range(50):
        assert (sequencing.copy_numbers(True, False, rng)[:, X] == 1).all()
        assert (sequencing.copy_numbers(False, False, rng)[:, X] == 2).all()


def test_high_hyperdiploid_leukaemias_gain_six_of_their_chromosomes():
    rng = np.random.default_rng(9)
    drawn = np.array([sequencing.copy_numbers(False, True, rng)[0] for _ in range(2000)])
    gains = (drawn[:, GAINED] - 2).sum(axis=1)
    assert gains.mean() == pytest.approx(6, abs=0.05)  # others cancel on average
    others = np.delete(drawn, GAINED, axis=1)
    assert others.mean() == pytest.approx(2, abs=0.02)
    assert set(GAINED + 1) == {4, 6, 10, 14, 17, 18, 21, 23}  # 23 is X (docstring of GAINED)


def test_copy_changes_at_diagnosis_stay_and_new_ones_come_at_relapse():
    rng = np.random.default_rng(10)
    drawn = np.array([sequencing.copy_numbers(False, False, rng) for _ in range(4000)])
    unchanged = (drawn[:, 0] == 2).all(axis=1).mean()
    # none of Poisson(.8); two that cancel each other add at most P(2) / 22 / 2 = .003
    assert abs(unchanged - np.exp(-0.8)) < Z * np.sqrt(0.25 / 4000) + 0.004
    same = (drawn[:, 0] == drawn[:, 1]).all(axis=1).mean()
    assert abs(same - np.exp(-0.5)) < Z * np.sqrt(0.24 / 4000) + 0.004
    assert drawn.min() == 1
    assert drawn.max() <= 4


@pytest.mark.parametrize(("last", "number"), [(300.0, 13), (2000.0, 25), (60.0, 9), (911.4, 4)])
def test_serial_days_run_from_diagnosis_to_relapse(last, number):
    days = sequencing.series_days(last, number, np.random.default_rng(11))
    assert len(days) == number
    assert days[0] == 0
    assert days[-1] == round(last)
    assert (np.diff(days) >= 3).sum() > 0
    assert (np.diff(days) > 0).all()
    assert (days == np.round(days)).all()


def test_the_panel_follows_resistance_mutations_first_and_then_each_clone_in_turn():
    n = 60
    found = {
        "clone": np.array([5, 4] + [-1] * 8 + [0] * 20 + [1] * 15 + [2] * 15),
        "protein": np.array(["p.R367Q", "p.R248Q"] + [None] * (n - 2), object),
        "reference": np.array(["C"] * (n - 1) + [None], object),
    }
    called = np.ones(n, bool)
    called[[10, 11]] = False
    chosen = sequencing.panel(found, called, 11, np.random.default_rng(12))
    assert chosen[:2].tolist() == [0, 1]
    assert sorted(found["clone"][chosen[2:]]) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert not set(chosen) & {10, 11, n - 1}
    assert len(set(chosen)) == 11
    all_of_them = sequencing.panel(found, called, 1000, np.random.default_rng(12))
    assert len(all_of_them) == n - 8 - 2 - 1


def serial(past, day, number, seed=13, clone=TRUNK, **changed):
    """One day's sample of one clone's variant, many times over."""
    settings = SETTINGS.model_copy(update=changed)
    found = {"clone": np.array([clone])}
    return sequencing.serial(
        past.case, past.tree, found, np.array([0]), np.full(number, day), settings,
        np.random.default_rng(seed),
    )  # fmt: skip


def test_serial_reads_are_beta_binomial_about_half_of_the_cells_that_carry_the_variant(histories):
    past, n = histories[0], 20_000
    seen = serial(past, 0.0, n, mrd_noise=0.0)
    share = past.case.traits.burden / max(past.case.traits.burden, SETTINGS.marrow)
    mean = share / 2 * (1 - 1e-4) + (1 - share / 2) * 1e-4 / 3
    total, alternative = seen["total"][0], seen["alternative"][0]
    fraction = alternative / total
    # beta-binomial variance for precision s: m (1 - m) / n (1 + (n - 1) / (s + 1))
    variance = mean * (1 - mean) * (1 / total + (1 - 1 / total) / (SETTINGS.serial_precision + 1))
    z = (fraction - mean) / np.sqrt(variance)
    assert abs(z.mean()) < Z / np.sqrt(n) + 0.01
    assert z.var() == pytest.approx(1, abs=Z * np.sqrt(2 / n))
    assert total.mean() == pytest.approx(5000, rel=Z / np.sqrt(10 * n))
    assert seen["depth"].std() == pytest.approx(5000 / np.sqrt(10), rel=0.03)  # gamma of shape 10
    assert 100 * share == pytest.approx(seen["mrd"].mean(), rel=1e-3)


def test_serial_reads_of_an_absent_clone_are_errors(histories):
    past, n = histories[0], 5000
    seen = serial(past, 0.0, n, clone=PERSISTER + 1, serial_error=3e-3)
    if past.case.lineages.born[0] < 0:
        pytest.fail("choose a leukaemia without a pre-existing lineage")
    reads = seen["total"].sum()
    rate = seen["alternative"].sum() / reads
    over = 1 + 5000 / 2e4  # variance of a beta-binomial against a binomial
    assert abs(rate - 1e-3) < Z * np.sqrt(1e-3 / reads * over)


def test_mrd_is_log_normal_about_the_share_of_cells(histories):
    past, n = histories[0], 5000
    seen = serial(past, 12.0, n)
    cells = past.case.sensitive(np.array([12.0]))[0]
    share = 100 * cells / np.maximum(cells, SETTINGS.marrow)
    assert share > 0.1
    assert not seen["below"].any()
    logs = np.log(seen["mrd"] / share)
    assert abs(logs.mean()) < Z * 0.25 / np.sqrt(n) + 0.01
    assert logs.std() == pytest.approx(0.25, rel=0.05)


def test_mrd_below_the_limit_is_the_limit_and_says_so(histories):
    past = histories[0]
    days = np.linspace(0, past.case.day, 400)
    found = {"clone": np.array([TRUNK])}
    seen = sequencing.serial(
        past.case, past.tree, found, np.array([0]), days, SETTINGS, np.random.default_rng(14)
    )
    assert seen["below"].any()
    assert (~seen["below"]).any()
    assert (seen["mrd"][seen["below"]] == SETTINGS.mrd_limit).all()
    assert (seen["mrd"][~seen["below"]] >= SETTINGS.mrd_limit).all()
    share = 100 * seen["cells"] / np.maximum(seen["cells"], SETTINGS.marrow)
    sure = np.abs(np.log(np.maximum(share, 1e-12) / SETTINGS.mrd_limit)) > Z * 0.25 + 0.4
    assert (seen["below"][sure] == (share[sure] < SETTINGS.mrd_limit)).all()


def test_a_third_of_specimens_miss_a_leukaemia_of_one_cell_in_a_million(histories):
    """A specimen holds a million cells: none of them is leukaemic with a chance of 1 / e."""
    past, n = histories[0], 4000
    cells = past.tree.over_time(past.case, np.zeros(1))[0][0]
    seen = serial(past, 0.0, n, marrow=cells * (1e6 - 1), mrd_limit=5e-5, mrd_noise=0.0)
    missed = seen["below"].sum()
    assert binom.cdf(missed, n, np.exp(-1)) > 1e-4
    assert binom.sf(missed - 1, n, np.exp(-1)) > 1e-4

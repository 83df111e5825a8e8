"""Options of refit against closed forms, other libraries and planted truth."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from allrelapse import signatures
from allrelapse.data import reference
from allrelapse.errors import InputError
from allrelapse.signatures.refit import FALSE_FINDS, converted
from tests.signatures.test_refit import COSMIC, FEW, draw

TRIO = FEW[["SBS1", "SBS5", "SBS87"]]


def active(fit, sample="s0"):
    """Signatures with mutations."""
    return set(fit.exposures.columns[fit.exposures.loc[sample] > 0])


def scattered(ratio, samples, seed=0, size=1000):
    """Negative binomial counts whose variance is `ratio` times their mean."""
    rng = np.random.default_rng(seed)
    mean = (TRIO @ np.array([0.3, 0.5, 0.2])).to_numpy()[:, None] * size
    shape = (96, samples)
    rates = rng.gamma(mean / (ratio - 1), ratio - 1, shape) if ratio > 1 else np.tile(mean, samples)
    return pd.DataFrame(rng.poisson(rates), FEW.index, [f"s{i}" for i in range(samples)])


# Required and forbidden


def test_a_required_signature_stays_where_it_would_not_pay():
    counts = draw({"SBS5": 200, "SBS86": 3}, seed=1)
    assert "SBS86" not in active(signatures.refit(counts, FEW))
    held = signatures.refit(counts, FEW, required=["SBS86"])
    assert held.exposures.loc["s0", "SBS86"] > 0
    assert held.p_values.loc["s0", "SBS86"] > 0.001


@pytest.mark.parametrize("sparse", [True, False])
def test_a_fit_with_forbidden_signatures_is_one_of_a_table_without_them(sparse):
    counts = draw({"SBS1": 60, "SBS5": 200, "SBS87": 90}, COSMIC, samples=4)
    gone = ["SBS87", "SBS40a"]
    with_names = signatures.refit(counts, COSMIC, sparse=sparse, forbidden=gone)
    without = signatures.refit(counts, COSMIC.drop(columns=gone), sparse=sparse, threshold=None)
    assert (with_names.exposures[gone] == 0).all(axis=None)
    rest = with_names.exposures.drop(columns=gone)
    # dense fits of look-alikes have several optima of one likelihood
    assert with_names.log_likelihood.to_numpy() == pytest.approx(without.log_likelihood, abs=0.01)
    if sparse:
        assert rest.to_numpy() == pytest.approx(without.exposures.to_numpy(), abs=0.01)


def test_required_signatures_are_fitted_whatever_the_threshold_is():
    # they may be zero only where the likelihood does not rise by them
    counts = draw({"SBS1": 60, "SBS5": 150, "SBS18": 40}, samples=60, seed=3)
    table = COSMIC.drop(columns=sorted(reference.ARTEFACTS))
    needed = ["SBS87", "SBS40a", "SBS3"]
    fit = signatures.refit(counts, table, required=needed)
    for sample, row in fit.exposures.iterrows():
        names = sorted({*row.index[row > 0], *needed})
        free = signatures.refit(counts[[sample]], table[names], sparse=False)
        assert fit.log_likelihood[sample] >= free.log_likelihood.iloc[0] - 1e-3


@pytest.mark.parametrize("option", ["required", "forbidden"])
def test_a_word_alone_is_one_name_and_any_iterable_will_do(option):
    counts = draw({"SBS5": 100, "SBS87": 50})
    fits = [
        signatures.refit(counts, FEW, **{option: names}).exposures
        for names in ("SBS13", ["SBS13"], {"SBS13"}, iter(["SBS13"]), pd.Index(["SBS13"]))
    ]
    for fit in fits[1:]:
        pd.testing.assert_frame_equal(fits[0], fit)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"required": "SBS99x"}, "SBS99x; there are SBS1"),
        ({"forbidden": ["SBS1", "SBS8"]}, "SBS8; there are SBS1"),
        ({"required": "SBS1", "forbidden": "SBS1"}, "both required and forbidden"),
        ({"forbidden": FEW.columns}, "none is left"),
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"threshold": np.nan}, "threshold is nan"),
        ({"replicates": -1}, "replicates"),
        ({"replicates": 5, "level": 1.0}, "level"),
        ({"resampling": "jackknife"}, "jackknife"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        signatures.refit(draw({"SBS5": 50}), FEW, **options)


# The threshold


@pytest.mark.parametrize("forbidden", [[], ["SBS86", "SBS13"]])
def test_the_default_threshold_is_one_sided_and_shared_by_all_candidates(forbidden):
    # P(max(Z, 0)^2 > t) = FALSE_FINDS / k for a standard normal Z
    k = FEW.shape[1] - len(forbidden)
    threshold = stats.norm.isf(FALSE_FINDS / k) ** 2
    counts = draw({"SBS1": 25, "SBS5": 100, "SBS87": 12}, samples=60, seed=2)
    ours = signatures.refit(counts, FEW, forbidden=forbidden)
    by_hand = signatures.refit(counts, FEW, forbidden=forbidden, threshold=threshold)
    pd.testing.assert_frame_equal(ours.exposures, by_hand.exposures)


def test_one_sample_in_ten_at_most_gains_a_signature_at_the_default_threshold():
    # Bonferroni is an upper bound; 1,000 samples have a Monte Carlo error of .01
    counts = draw({"SBS5": 400, "SBS1": 200}, samples=1000, seed=8)
    fit = signatures.refit(counts, FEW, required=["SBS1", "SBS5"])
    gained = (fit.exposures.drop(columns=["SBS1", "SBS5"]) > 0).any(axis=1).mean()
    assert 0.01 < gained < FALSE_FINDS + 3 * 0.01


def test_a_lower_threshold_keeps_no_fewer_signatures():
    counts = draw({"SBS1": 40, "SBS5": 150, "SBS18": 30}, samples=40, seed=6)
    sizes = [
        (signatures.refit(counts, FEW, threshold=t).exposures > 0).sum(axis=1).mean()
        for t in (2, 8, 20, 100)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


# Opportunities


def test_conversion_by_hand():
    table = pd.DataFrame({"a": [0.5, 0.3, 0.2], "b": [1.0, 0.0, 0.0]}, index=["x", "y", "z"])
    opportunities = pd.Series({"z": 5.0, "x": 2.0, "y": 1.0})
    expected = pd.DataFrame({"a": [10 / 23, 3 / 23, 10 / 23], "b": [1.0, 0, 0]}, table.index)
    pd.testing.assert_frame_equal(converted(table, opportunities), expected)


def test_conversion_there_and_back_changes_nothing():
    factor = pd.Series(np.random.default_rng(0).gamma(2, size=96), COSMIC.index)
    back = converted(converted(COSMIC, factor), 1 / factor)
    pd.testing.assert_frame_equal(back, COSMIC, check_exact=False, rtol=1e-9)
    pd.testing.assert_frame_equal(converted(COSMIC, factor * 7), converted(COSMIC, factor))


def test_conversion_gives_the_signatures_that_cosmic_publishes_for_exomes():
    exome = reference.cosmic(exome=True)
    seen = exome["SBS5"] / COSMIC["SBS5"]  # SBS5 is in every channel
    cosines = signatures.cosine(converted(COSMIC, seen), exome)
    assert np.diag(cosines).min() > 0.999


def test_refit_converts_the_signatures_by_the_opportunities():
    factor = pd.Series(np.random.default_rng(1).gamma(2, size=96), COSMIC.index)
    table = converted(FEW, factor)
    counts = draw({"SBS5": 2000, "SBS87": 1000}, table)
    found = signatures.refit(counts, FEW, opportunities=factor.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(found.exposures, signatures.refit(counts, table).exposures)
    assert found.exposures.loc["s0", "SBS87"] == pytest.approx(1000, abs=4 * 1000**0.5)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, None])
def test_opportunities_that_are_none_are_refused_by_channel(value):
    factor = pd.Series(1.0, FEW.index)
    factor = (
        factor.drop("A[C>T]G") if value is None else factor.where(factor.index != "A[C>T]G", value)
    )
    with pytest.raises(InputError, match=r"A\[C>T\]G"):
        signatures.refit(draw({"SBS5": 50}), FEW, opportunities=factor)


# P values and dispersion


def test_p_values_are_those_of_an_f_test_done_by_hand():
    counts = pd.concat([draw({"SBS1": 40, "SBS5": 150, "SBS87": 40}), scattered(3, 1)], axis=1)
    counts.columns = ["clean", "scattered"]
    fit = signatures.refit(counts, TRIO)
    assert fit.dispersion["scattered"] > 2
    for sample in counts:
        names = list(active(fit, sample))
        assert set(fit.p_values.columns[fit.p_values.loc[sample].notna()]) == set(names)
        full = signatures.refit(counts[[sample]], TRIO[names], sparse=False).log_likelihood[sample]
        for name in names:
            rest = TRIO[[other for other in names if other != name]]
            less = signatures.refit(counts[[sample]], rest, sparse=False).log_likelihood[sample]
            ratio = 2 * (full - less) / fit.dispersion[sample]
            p = stats.f(1, 96 - len(names)).sf(ratio) / 2
            assert fit.p_values.loc[sample, name] == pytest.approx(p, rel=0.01)


def test_dense_fits_have_no_p_values():
    fit = signatures.refit(draw({"SBS5": 100}), FEW, sparse=False)
    assert fit.p_values.isna().all(axis=None)


@pytest.mark.parametrize("sparse", [True, False])
def test_dispersion_is_one_on_clean_counts(sparse):
    found = signatures.refit(scattered(1, 300), TRIO, sparse=sparse).dispersion
    # bounded by 1 from below; above, 93 degrees of freedom scatter by (2 / 93)^.5 = .147
    assert found.min() == 1
    assert found.median() < 1.02
    assert found.quantile(0.95) < 1 + 2.5 * 0.147


@pytest.mark.parametrize("size", [300, 3000])
@pytest.mark.parametrize("ratio", [1.5, 2, 4])
def test_dispersion_is_the_planted_one_on_scattered_counts(ratio, size):
    found = signatures.refit(scattered(ratio, 300, size=size), TRIO, sparse=False).dispersion
    assert found.mean() == pytest.approx(ratio, rel=0.08)


def test_scatter_brings_in_no_more_signatures_than_chance():
    clean, noisy = (
        signatures.refit(scattered(ratio, 150, seed=3), FEW).exposures.drop(columns=TRIO.columns)
        for ratio in (1, 3)
    )
    assert (clean > 0).any(axis=1).mean() <= 0.1
    assert (noisy > 0).any(axis=1).mean() <= 0.15


# Bootstrap intervals


def test_the_poisson_interval_of_a_lone_signature_has_poissons_quantiles():
    counts = draw({"SBS5": 120})
    total = counts["s0"].sum()
    fit = signatures.refit(counts, FEW[["SBS5"]], replicates=4000, level=0.9)
    # 4,000 draws give a quantile of a law with standard deviation 11 to within about .4
    assert fit.lower.loc["s0", "SBS5"] == pytest.approx(stats.poisson(total).ppf(0.05), abs=1.5)
    assert fit.upper.loc["s0", "SBS5"] == pytest.approx(stats.poisson(total).ppf(0.95), abs=1.5)


def test_the_multinomial_interval_of_a_lone_signature_has_no_width():
    counts = draw({"SBS5": 120})
    fit = signatures.refit(counts, FEW[["SBS5"]], replicates=50, resampling="multinomial")
    ends = [fit.lower.loc["s0", "SBS5"], fit.upper.loc["s0", "SBS5"]]
    assert ends == pytest.approx([counts["s0"].sum()] * 2)


@pytest.mark.parametrize("resampling", ["poisson", "multinomial"])
@pytest.mark.parametrize("sparse", [True, False])
def test_an_interval_holds_the_exposure_and_is_nested_in_a_wider_one(resampling, sparse):
    counts = draw({"SBS5": 600, "SBS87": 400}, samples=3)
    settings = {"sparse": sparse, "replicates": 60, "resampling": resampling}
    narrow, wide = (signatures.refit(counts, TRIO, **settings, level=q) for q in (0.5, 0.95))
    for name in ("SBS5", "SBS87"):
        assert (wide.lower[name] <= wide.exposures[name]).all()
        assert (wide.exposures[name] <= wide.upper[name]).all()
        assert (wide.lower[name] < narrow.lower[name]).all()
        assert (narrow.upper[name] < wide.upper[name]).all()


def test_the_poisson_interval_of_a_disjoint_signature_has_the_width_of_its_counts():
    # signatures that share no channel: each exposure is a Poisson count of its own
    w = pd.DataFrame(np.kron(np.eye(2), np.full((48, 1), 1 / 48)), columns=["a", "b"])
    counts = pd.DataFrame({"s": np.repeat([2, 8], 48)})
    fit = signatures.refit(counts, w, sparse=False, replicates=2000)
    width = (fit.upper - fit.lower).loc["s"]
    expected = [np.diff(stats.poisson(n).interval(0.95))[0] for n in (96, 384)]
    assert width.to_numpy() == pytest.approx(expected, rel=0.08)


def test_without_replicates_there_is_no_interval():
    fit = signatures.refit(draw({"SBS5": 50}), FEW)
    assert fit.lower is None
    assert fit.upper is None


def test_a_seed_gives_the_same_interval_and_another_one_another():
    counts = draw({"SBS5": 60, "SBS87": 30}, samples=3)
    first, again, other = (signatures.refit(counts, FEW, replicates=20, seed=s) for s in (5, 5, 6))
    pd.testing.assert_frame_equal(first.upper, again.upper)
    assert not first.upper.equals(other.upper)
    pd.testing.assert_frame_equal(first.exposures, other.exposures)


@pytest.mark.parametrize("kind", ["one thread", "two threads", "processes"])
def test_numbers_do_not_depend_on_who_does_the_work(kind):
    counts = draw({"SBS1": 20, "SBS87": 30}, samples=70)
    alone = signatures.refit(counts, FEW, replicates=4)
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    pool = {
        "one thread": lambda: ThreadPoolExecutor(1),
        "two threads": lambda: ThreadPoolExecutor(2),
        "processes": lambda: ProcessPoolExecutor(1, mp_context=spawn),
    }[kind]
    with pool() as executor:
        other = signatures.refit(counts, FEW, replicates=4, executor=executor)
    for name in ("exposures", "lower", "upper", "p_values"):
        pd.testing.assert_frame_equal(getattr(alone, name), getattr(other, name))
    pd.testing.assert_series_equal(alone.dispersion, other.dispersion)


def test_a_sample_has_the_same_numbers_in_whatever_company():
    counts = draw({"SBS1": 40, "SBS5": 200, "SBS87": 40}, samples=40)
    together = signatures.refit(counts, FEW)
    alone = signatures.refit(counts[["s37"]], FEW)
    pd.testing.assert_frame_equal(together.exposures.loc[["s37"]], alone.exposures)


# Tables that are odd


@pytest.mark.parametrize("value", [np.nan, np.inf, -1, 0.5])
def test_a_bad_count_is_named_by_sample_and_channel(value):
    counts = draw({"SBS5": 50}, samples=3).astype(float)
    counts.loc["T[C>T]G", "s1"] = value
    with pytest.raises(InputError, match=r"'s1', channel 'T\[C>T\]G'"):
        signatures.refit(counts, FEW)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda w: pd.concat([w, w[["SBS5"]]], axis=1), "SBS5"),
        (lambda w: pd.concat([w, w.iloc[:1]]), "row names occur twice"),
        (lambda w: w.drop("A[C>T]G"), r"A\[C>T\]G"),
        (lambda w: w.rename(index={"A[C>T]G": "A[C>T]N"}), r"A\[C>T\]"),
        (lambda w: w.assign(SBS5=-w["SBS5"]), "SBS5"),
        (lambda w: w.assign(SBS5=np.nan), "SBS5"),
        (lambda w: w.iloc[:, :0], "no columns"),
    ],
)
def test_signatures_that_are_none_are_refused_by_name(damage, message):
    with pytest.raises(InputError, match=message):
        signatures.refit(draw({"SBS5": 50}), damage(FEW))


def test_order_of_rows_changes_no_number():
    counts = draw({"SBS1": 40, "SBS5": 80, "SBS87": 60}, samples=3)
    mixed = counts.sample(frac=1, random_state=2)
    straight, other = (signatures.refit(c, FEW, replicates=10) for c in (counts, mixed))
    for name in ("exposures", "p_values", "upper"):
        pd.testing.assert_frame_equal(getattr(straight, name), getattr(other, name))
    turned = signatures.refit(counts, FEW.sample(frac=1, random_state=2)).exposures
    pd.testing.assert_frame_equal(turned, straight.exposures, check_exact=False, rtol=1e-6)


def test_a_sample_without_mutations_has_zeros_and_no_p_values():
    counts = draw({"SBS5": 100}).assign(empty=0)
    fit = signatures.refit(counts, FEW, replicates=10, required="SBS1")
    for table in (fit.exposures, fit.lower, fit.upper):
        assert (table.loc["empty"] == 0).all()
    assert fit.p_values.loc["empty"].isna().all()
    assert fit.dispersion["empty"] == 1


def test_a_hundred_million_mutations_are_divided_to_within_their_chance():
    planted = {"SBS1": 3e7, "SBS5": 6e7, "SBS87": 1e7}
    fit = signatures.refit(draw(planted), COSMIC)
    assert active(fit) == set(planted)
    for name, mutations in planted.items():
        assert fit.exposures.loc["s0", name] == pytest.approx(mutations, rel=0.002)


@pytest.mark.parametrize("sparse", [True, False])
def test_mutations_in_one_channel_go_to_the_signature_that_makes_it_most(sparse):
    counts = pd.DataFrame(0, COSMIC.index, ["s0"])
    counts.loc["T[C>G]T"] = 500
    fit = signatures.refit(counts, COSMIC, sparse=sparse)
    # the likelihood 500 log(e w) - e has its maximum at e = 500 and the largest w
    assert active(fit) == {COSMIC.loc["T[C>G]T"].idxmax()}
    assert fit.exposures.loc["s0"].sum() == pytest.approx(500)
    assert fit.dispersion["s0"] > 10


def test_a_lone_signature_takes_all_mutations():
    counts = draw({"SBS5": 100}, samples=2)
    fit = signatures.refit(counts, FEW[["SBS87"]])
    assert fit.exposures["SBS87"].to_numpy() == pytest.approx(counts.sum().to_numpy())


def look_alikes(difference):
    """Signatures with a twin of SBS87, and counts."""
    rng = np.random.default_rng(0)
    twin = FEW["SBS87"] * (1 + difference * rng.uniform(-1, 1, 96))
    return FEW.assign(twin=twin / twin.sum()), draw({"SBS5": 300, "SBS87": 300})


@pytest.mark.parametrize("difference", [0, 1e-7, 1e-3])
def test_of_look_alikes_one_is_kept_and_has_all(difference):
    table, counts = look_alikes(difference)
    alone = signatures.refit(counts, FEW)
    fit = signatures.refit(counts, table)
    assert len(active(fit) & {"SBS87", "twin"}) == 1
    both = fit.exposures.loc["s0", ["SBS87", "twin"]].sum()
    assert both == pytest.approx(alone.exposures.loc["s0", "SBS87"], rel=0.01)


@pytest.mark.parametrize("difference", [0, 1e-7, 1e-3])
def test_a_dense_fit_of_look_alikes_reaches_the_likelihood_of_one(difference):
    table, counts = look_alikes(difference)
    dense = signatures.refit(counts, table, sparse=False)
    alone = signatures.refit(counts, FEW, sparse=False)
    assert dense.log_likelihood["s0"] >= alone.log_likelihood["s0"] - 0.01


MEMORY = """
import resource, sys
from tests.signatures.test_refit import FEW, draw
from allrelapse import signatures

def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

counts = draw({"SBS5": 30, "SBS87": 20}, samples=10_000)
signatures.refit(counts.iloc[:, :100], FEW)
before = peak()
fit = signatures.refit(counts, FEW)
print(peak() - before, fit.exposures.shape[0])
"""


def test_ten_thousand_samples_take_little_more_memory_than_their_table():
    # 10,000 x 96 numbers are 7.7 MB; the fit keeps some copies, but nothing per step
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    rise, samples = done.stdout.split()
    assert samples == "10000"
    assert float(rise) < 100


def test_a_signature_that_is_alone_has_no_p_value():
    one = pd.DataFrame({"s0": (FEW.index == FEW.index[40]).astype(int)}, FEW.index)
    fit = signatures.refit(one, FEW)
    assert (fit.exposures.loc["s0"] > 0).sum() == 1
    assert fit.p_values.isna().all(axis=None)


def test_text_where_numbers_belong_is_refused_by_name():
    words = draw({"SBS1": 30}).astype(object).assign(s0="many")
    with pytest.raises(InputError, match="counts: column 's0' does not hold numbers"):
        signatures.refit(words, FEW)
    with pytest.raises(InputError, match=r"replicates is 2\.5; it must be a whole number"):
        signatures.refit(draw({"SBS1": 30}), FEW, replicates=2.5)
    even = pd.Series(1.0, FEW.index)
    with pytest.raises(InputError, match="occurs twice"):
        signatures.refit(draw({"SBS1": 30}), FEW, opportunities=pd.concat([even, even[:1]]))
    with pytest.raises(InputError, match="must have a positive number"):
        signatures.refit(draw({"SBS1": 30}), FEW, opportunities=even.astype(object).map(str) + "x")

"""Matching against planted mixtures, closed forms and known spectra."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls

from allrelapse import signatures, simulate
from allrelapse.data import reference, spectra
from allrelapse.errors import InputError
from allrelapse.signatures import compare

COSMIC = reference.cosmic()
HIDDEN = COSMIC.drop(columns=["SBS86", "SBS87"])


def mixed(shares):
    """A spectrum of known signatures in these shares."""
    return COSMIC[list(shares)] @ pd.Series(shares)


def test_a_known_signature_is_its_own_match():
    found = signatures.match(COSMIC[["SBS4", "SBS87"]], COSMIC)
    assert found["best"].tolist() == ["SBS4", "SBS87"]
    assert found["mixture"].tolist() == ["SBS4 100 %", "SBS87 100 %"]
    assert found["cosine"].to_numpy() == pytest.approx(1)
    assert not found["novel"].any()


def test_a_mixture_is_taken_apart_into_what_it_is_made_of():
    shares = {"SBS13": 0.5, "SBS4": 0.3, "SBS87": 0.2}
    found = signatures.decompose(mixed(shares), COSMIC)
    assert found.to_dict() == pytest.approx(shares, abs=1e-6)
    table = signatures.match(mixed(shares).to_frame("A"), COSMIC)
    assert table.loc["A", "mixture"] == "SBS13 50 % + SBS4 30 % + SBS87 20 %"
    assert table.loc["A", "mixture_cosine"] == pytest.approx(1)


def test_pairs_are_as_close_as_the_best_of_all_pairs():
    few = COSMIC[["SBS1", "SBS2", "SBS5", "SBS13", "SBS18", "SBS40a", "SBS87"]]
    aim = mixed({"SBS1": 0.4, "SBS13": 0.6})
    found = signatures.decompose(aim, few, most=2)
    residual = min(nnls(few[list(p)].to_numpy(), aim)[1] for p in itertools.combinations(few, 2))
    assert np.linalg.norm(few[found.index] @ found - aim) == pytest.approx(residual, abs=1e-6)


def test_what_shares_no_channel_with_the_reference_is_novel_and_no_mixture():
    apart = pd.DataFrame(np.kron(np.eye(2), np.full((48, 1), 1 / 48)), COSMIC.index, ["a", "b"])
    found = signatures.match(apart[["a"]], apart[["b"]]).loc["a"]
    assert (found["cosine"], found["mixture"], found["mixture_cosine"]) == (0, "", 0)
    assert found["novel"]


def test_no_more_signatures_are_taken_than_help():
    aim = mixed({"SBS1": 0.995, "SBS5": 0.005})
    assert list(signatures.decompose(aim, COSMIC).index) == ["SBS1"]
    even = mixed(dict.fromkeys(["SBS2", "SBS4", "SBS7a", "SBS13", "SBS17b", "SBS22a"], 1 / 6))
    assert len(signatures.decompose(even, COSMIC)) <= compare.MOST


def test_the_threshold_of_novelty_lies_between_therapy_signatures_and_known_mixtures():
    found = signatures.match(COSMIC[["SBS86", "SBS87"]], HIDDEN)
    assert found["mixture_cosine"].to_numpy() == pytest.approx([0.82, 0.88], abs=0.005)
    assert found["mixture_cosine"].max() < compare.NOVEL
    rebuilt = [
        signatures.match(COSMIC[[s]], COSMIC.drop(columns=s))["mixture_cosine"].iloc[0]
        for s in COSMIC
    ]
    assert 0.4 < np.mean(np.array(rebuilt) >= compare.NOVEL) < 0.6  # "about half" in `match`


def test_therapy_signatures_are_novel_to_a_catalogue_without_them():
    found = signatures.match(COSMIC[["SBS86", "SBS87"]], HIDDEN)
    assert found["novel"].all()
    assert found["best"].tolist() == ["SBS39", "SBS1"]  # the nearest, as COSMIC states them


@pytest.mark.parametrize("seed", range(3))
def test_extracted_mixtures_of_known_signatures_are_not_novel(seed):
    # the null that the threshold rests on: cohorts in which no therapy signature was planted
    settings = {"sbs86_prone": 0, "thiopurine_prone": 0, "patients": 60}
    counts = spectra.from_mutations(simulate.cohort(seed=seed, **settings).mutations)
    for rank in (2, 3, 4):
        found = signatures.extract(counts, [rank], replicates=10, splits=1)
        assert not signatures.match(found, HIDDEN)["novel"].any(), found.silhouettes


def test_a_part_of_noise_is_not_novel_but_would_be_by_its_cosine_alone():
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.outer(COSMIC["SBS5"], np.full(30, 300)))
    found = signatures.extract(pd.DataFrame(counts, COSMIC.index, range(30)), [4], 6, splits=1)
    assert signatures.match(found.signatures, COSMIC)["novel"].any()
    assert not signatures.match(found, COSMIC)["novel"].any()


def test_order_of_channels_does_not_matter():
    extracted = COSMIC[["SBS4", "SBS86"]]
    shuffled = extracted.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        signatures.match(extracted, HIDDEN), signatures.match(shuffled, HIDDEN)
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda w: w * 2, "sum to 1"),
        (lambda w: w.iloc[1:], "channels differ"),
        (lambda w: pd.concat([w, w], axis=1), "twice"),
        (lambda w: w.iloc[:, :0], "no columns"),
    ],
)
def test_spectra_that_are_none_are_refused(damage, message):
    with pytest.raises(InputError, match=message):
        signatures.match(damage(COSMIC[["SBS4", "SBS5"]]), COSMIC)
    with pytest.raises(InputError, match=message):
        signatures.match(COSMIC[["SBS4"]], damage(COSMIC))


def sampled(name, mutations, seed=0):
    rng = np.random.default_rng(seed)
    return pd.Series(rng.multinomial(mutations, COSMIC[name]), COSMIC.index, name="dish")


def test_cosine_of_a_true_spectrum_is_in_its_range_and_rules_the_others_out():
    found = signatures.cosine_test(sampled("SBS87", 300), COSMIC, "SBS87")
    low, high = found.expected
    assert low <= found.cosine <= high
    assert found.p_shuffled == 0.001
    assert found.others["p_value"].max() == 0.001
    assert found.others.index[0] == "SBS1"  # the nearest of the others
    assert "SBS87" not in found.others.index


def test_a_spectrum_of_another_signature_is_told_from_the_target():
    found = signatures.cosine_test(sampled("SBS1", 300), COSMIC, "SBS87")
    assert found.cosine < found.expected[0]
    assert found.others.loc["SBS1", "p_value"] > 0.05


def test_with_few_mutations_little_is_ruled_out():
    many, few = (signatures.cosine_test(sampled("SBS5", n), COSMIC, "SBS5") for n in (3000, 15))
    assert few.expected[0] < many.expected[0]
    assert (few.others["p_value"] > 0.05).sum() > (many.others["p_value"] > 0.05).sum()


def test_p_values_are_uniform_where_the_other_signature_is_the_truth():
    # 100 spectra of SBS1 tested against SBS87; binomial error of a share near .1 is .03
    tests = [
        signatures.cosine_test(sampled("SBS1", 100, seed), COSMIC[["SBS1", "SBS87"]], "SBS87", 99)
        for seed in range(100)
    ]
    values = pd.Series([t.others.loc["SBS1", "p_value"] for t in tests])
    assert values.le(0.1).mean() == pytest.approx(0.1, abs=0.09)
    assert values.le(0.5).mean() == pytest.approx(0.5, abs=0.15)


def test_draws_depend_on_the_seed_alone():
    a, b, c = (
        signatures.cosine_test(sampled("SBS87", 50), COSMIC, "SBS87", 99, seed)
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(a.others, b.others)
    assert a.expected == b.expected != c.expected


def test_wrong_targets_and_empty_spectra_are_refused():
    spectrum = sampled("SBS1", 10)
    with pytest.raises(InputError, match="SBS999"):
        signatures.cosine_test(spectrum, COSMIC, "SBS999")
    with pytest.raises(InputError, match="no mutations"):
        signatures.cosine_test(spectrum * 0, COSMIC, "SBS1")
    with pytest.raises(InputError, match="replicates is 0"):
        signatures.cosine_test(spectrum, COSMIC, "SBS1", 0)

"""Attribution of single mutations and of sets against Bayes' rule by hand and planted truth."""

import numpy as np
import pandas as pd
import pytest

from allrelapse import signatures
from allrelapse.data import genome, reference
from allrelapse.errors import InputError
from allrelapse.signatures.posterior import Draws

COSMIC = reference.cosmic()
FEW = COSMIC[["SBS1", "SBS5", "SBS18", "SBS87"]]
TWO = pd.DataFrame(0.0, COSMIC.index, ["a", "b"])
TWO.loc["A[C>A]A"] = [0.2, 0.6]
TWO.loc["A[C>A]C"] = [0.8, 0.4]
E = pd.DataFrame({"a": [30.0, 0.0], "b": [10.0, 0.0]}, ["s", "empty"])


def mutation(channel, sample="s"):
    return pd.DataFrame({"sample": [sample], "channel": [channel]}, index=["m"])


def certain(exposures, catalogue, replicates=1, unknown=None):
    """Draws that are all alike."""
    table = pd.DataFrame(exposures)
    shape = (replicates, len(table), 96)
    return Draws(
        np.repeat(table.to_numpy(float)[None], replicates, axis=0),
        np.zeros(shape) if unknown is None else np.full(shape, unknown / 96),
        np.repeat(catalogue[table.columns].to_numpy()[None], replicates, axis=0),
        table.index,
        catalogue.index,
        table.columns,
    )


def test_two_signatures_share_a_mutation_as_bayes_says():
    found = signatures.attribute(mutation("A[C>A]A"), E, TWO)
    assert found.loc["m", "a"] == pytest.approx(30 * 0.2 / (30 * 0.2 + 10 * 0.6))
    found = signatures.attribute(mutation("A[C>A]C"), E, TWO)
    assert found.loc["m", "b"] == pytest.approx(10 * 0.4 / (30 * 0.8 + 10 * 0.4))


def test_an_unknown_process_takes_its_part():
    # 96 unknown mutations, one in each channel, beside 6 + 6 known ones in this channel
    draws = certain(E.loc[["s"]], TWO, unknown=96)
    found = signatures.attribute(mutation("A[C>A]A"), E, TWO, bootstraps=draws)
    assert found.loc["m", ("probability", "a")] == pytest.approx(6 / 13)
    assert found.loc["m", ("probability", "unknown")] == pytest.approx(1 / 13)


def test_probabilities_sum_to_one_and_intervals_hold_them():
    rng = np.random.default_rng(0)
    counts = pd.DataFrame(rng.poisson(3, (96, 2)), COSMIC.index, ["s", "t"])
    draws = signatures.exposure_draws(counts, FEW, replicates=40, burn_in=50)
    rows = pd.DataFrame({"sample": ["s", "t"] * 48, "channel": COSMIC.index})
    found = signatures.attribute(rows, draws.mean, FEW, bootstraps=draws)
    assert found["probability"].sum(axis=1).to_numpy() == pytest.approx(np.ones(96))
    assert (found["lower"] <= found["probability"] + 0.02).all(axis=None)
    assert (found["probability"] <= found["upper"] + 0.02).all(axis=None)
    plain = signatures.attribute(rows, draws.mean, FEW)
    assert plain.sum(axis=1).to_numpy() == pytest.approx(np.ones(96))


def test_rows_and_columns_may_come_in_any_order():
    rng = np.random.default_rng(1)
    exposures = pd.DataFrame(rng.random((3, 4)), list("xyz"), FEW.columns)
    rows = pd.DataFrame({"sample": list("xyzzy"), "channel": COSMIC.index[:5]})
    found = signatures.attribute(rows, exposures, FEW)
    other = signatures.attribute(
        rows[::-1], exposures.loc[list("zxy"), ["SBS87", "SBS1", "SBS18", "SBS5"]], FEW[::-1]
    )
    pd.testing.assert_frame_equal(other.loc[found.index, found.columns], found)


def test_what_nothing_can_have_made_is_missing_and_so_is_a_mutation_without_channel():
    rows = pd.DataFrame({"sample": ["s", "empty", "s"], "channel": ["T[T>G]T", "A[C>A]A", None]})
    for draws in (None, certain(E, TWO)):
        assert signatures.attribute(rows, E, TWO, bootstraps=draws).isna().all(axis=None)


def test_channels_are_found_from_alleles_and_context_on_either_strand():
    rows = pd.DataFrame(
        {
            "clone": ["s", "s"],
            "Reference_Allele": ["C", "G"],
            "Tumor_Seq_Allele2": ["A", "T"],
            "context": ["ACA", "TGT"],
        }
    )
    found = signatures.attribute(rows, E, TWO, by="clone")
    assert found["a"].to_numpy() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("rows", "exposures", "words"),
    [
        (mutation("A[C>A]A", "lost"), E, "no exposures of sample.*lost"),
        (mutation("A[C>A]X"), E, r"channels.*A\[C>A\]X"),
        (mutation("A[C>A]A").drop(columns="sample"), E, "'sample' is absent"),
        (mutation("A[C>A]A").drop(columns="channel"), E, "context"),
        (mutation("A[C>A]A"), E.rename(columns={"a": "z"}), "no such signatures"),
        (mutation("A[C>A]A"), -E, "'s', 'a' is -30"),
        (mutation("A[C>A]A"), pd.concat([E, E]), "samples occur twice"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(rows, exposures, words):
    with pytest.raises(InputError, match=words):
        signatures.attribute(rows, exposures, TWO)


def test_likelihood_ratios_of_sbs87_and_sbs1_are_those_of_the_catalogue():
    # FACTS section 3, from COSMIC v3.4
    found = signatures.likelihood_ratio(["C[C>T]G", "T[C>T]G", "C[C>G]G"], FEW, "SBS87", "SBS1")
    assert found["ratio"].to_numpy() == pytest.approx([0.95, 0.54, 244], rel=0.01)
    assert (found["ratio"] == found["lowest"]).all()


def test_an_ambiguous_site_lies_between_its_contexts_and_weighs_them_by_rate():
    rates = FEW.div(genome.opportunities(), axis=0)
    found = signatures.likelihood_ratio(["Y[C>T]G"], rates, "SBS87", "SBS1").iloc[0]
    assert (found["lowest"], found["highest"]) == pytest.approx((0.54, 0.95), rel=0.01)
    pair = rates.loc[["C[C>T]G", "T[C>T]G"]]
    assert found["ratio"] == pytest.approx(pair["SBS87"].sum() / pair["SBS1"].sum())


def test_patterns_stand_for_all_their_channels():
    assert signatures.compatible_channels("N[T>G]R") == [
        f"{b}[T>G]{a}" for b in "ACGT" for a in "AG"
    ]
    with pytest.raises(InputError, match=r"X\[C>T\]G"):
        signatures.compatible_channels("X[C>T]G")


def test_a_t_cpg_mutation_at_a_fifth_of_sbs87_is_a_third_likely_to_be_its():
    # FACTS section 3: 1,000 SNVs, 20 % SBS87: P(SBS87 | T[C>T]G) = .33, range .25 to .42
    mean = FEW @ [130.0, 570.0, 100.0, 200.0]  # such that P is .33 with the true exposures
    rng = np.random.default_rng(3)
    counts = pd.DataFrame(rng.poisson(mean.to_numpy()[:, None], (96, 30)), FEW.index).add_prefix(
        "s"
    )
    draws = signatures.exposure_draws(counts, FEW, replicates=40, burn_in=150, seed=1)
    rows = pd.DataFrame({"sample": counts.columns, "channel": "T[C>T]G"})
    p = signatures.attribute(rows, draws.mean, FEW, bootstraps=draws)["probability"]["SBS87"]
    assert p.mean() == pytest.approx(0.33, abs=0.05)
    assert p.between(0.25, 0.42).mean() > 0.9


def test_the_interval_of_a_share_holds_the_chance_of_the_assignment():
    # all draws alike: what is left is binomial, 100 mutations of P = 1/2
    rows = pd.concat([mutation("A[C>A]A")] * 100)
    found = signatures.attributed_share(rows, certain(E, TWO, replicates=4000), ["a"])
    assert found.value == pytest.approx(0.5)
    assert (found.lower, found.upper) == pytest.approx((0.40, 0.60), abs=0.01)


def test_the_shortcut_counts_only_what_is_likelier_than_not():
    p = pd.DataFrame({"a": [0.4, 0.4, 0.6, np.nan], "b": [0.3, 0.05, 0.1, np.nan]})
    assert signatures.hard_share(p, ["a"]) == pytest.approx(1 / 3)
    assert signatures.hard_share(p, ["a", "b"]) == pytest.approx(2 / 3)


def test_shares_refuse_unknown_targets_and_sets_without_channels():
    with pytest.raises(InputError, match="z"):
        signatures.attributed_share(mutation("A[C>A]A"), certain(E, TWO), ["z"])
    with pytest.raises(InputError, match="none of the mutations"):
        signatures.attributed_share(mutation(None), certain(E, TWO), ["a"])

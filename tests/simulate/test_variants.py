"""Mutations of a leukaemia: how many, which ones and where, against COSMIC and the hot spots."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, chisquare, kstest

from allrelapse.data import genome, published, reference
from allrelapse.simulate import Settings
from allrelapse.simulate.clones import PERSISTER, TRUNK, Clones, clones
from allrelapse.simulate.disease import ACQUIRED, Lineages
from allrelapse.simulate.targets import CAUSES, DELETION, SIGNATURES, targets
from allrelapse.simulate.variants import variants

SETTINGS = Settings()
PAIR = dict(zip("ACGTRYN", ("A", "C", "G", "T", "AG", "CT", "ACGT"), strict=True))
TURN = str.maketrans("ACGT", "TGCA")
Z = 4


def channel(context, reference_base, alternative):
    """Pyrimidine form of a substitution, by hand."""
    if reference_base in "AG":
        context = context.translate(TURN)[::-1]
        reference_base, alternative = (b.translate(TURN) for b in (reference_base, alternative))
    return f"{context[0]}[{reference_base}>{alternative}]{context[2]}"


def case_with(histories, target, cause):
    """A leukaemia whose lineages, all alike but for target and cause, are these."""
    n, model = len(target), histories[0].case
    flat = np.full(n, 300.0)
    rates = np.full((n, len(model.phases)), 0.1)
    kind = np.full(n, ACQUIRED)
    lineages = Lineages(
        kind, np.array(target), np.array(cause), flat, flat, np.ones(n), rates, rates / 2
    )
    traits = replace(model.traits, thiopurine=2.0, sbs86=2.0, mmr="")
    share = np.full(n, 0.9 / n)
    return replace(model, traits=traits, lineages=lineages, share=share, day=500.0)


@pytest.fixture(scope="module")
def case(histories):
    return case_with(histories, [-1], [-1])


@pytest.fixture(scope="module")
def tree(case):
    made = clones(case, 6.0, SETTINGS, np.random.default_rng(1))
    load = np.array([60.0, 200, 40, 50, 50, 60, 90, 30])
    return replace(made, load=np.vstack([load, load / 4, load / 5, 0 * load, load * 2]))


@pytest.fixture(scope="module")
def drawn(case, tree):
    """The mutations of 120 leukaemias with the same clones."""
    rng = np.random.default_rng(2)
    parts = [
        pd.DataFrame(variants(case, tree, SETTINGS, targets(), rng)).assign(draw=k)
        for k in range(120)
    ]
    return pd.concat(parts, ignore_index=True)


def test_numbers_are_poisson_about_the_load_of_each_clone_and_signature(drawn, tree):
    mine = drawn[drawn["clone"] >= 0]
    numbers = mine.groupby(["draw", "clone", "cause"]).size().unstack(["clone", "cause"])
    for clone, cause in np.argwhere(tree.load > 0):
        counts = numbers[(clone, cause)].fillna(0).to_numpy()
        mean, n = tree.load[clone, cause], len(counts)
        assert abs(counts.mean() - mean) < Z * np.sqrt(mean / n)
        scatter = ((counts - mean) ** 2).sum() / mean  # chi-squared with n degrees if Poisson
        assert chi2.ppf(1e-5, n) < scatter < chi2.ppf(1 - 1e-5, n)
    assert PERSISTER not in set(mine["clone"])  # that has no load here


def test_channels_follow_cosmic(drawn):
    cosmic = reference.cosmic("3.4", "GRCh37")
    seen = [
        channel(*row)
        for row in drawn[["context", "reference", "alternative"]].itertuples(index=False)
    ]
    counts = pd.crosstab(pd.Series(seen), drawn["cause"]).reindex(cosmic.index, fill_value=0)
    for cause, name in enumerate(SIGNATURES):
        expected = cosmic[name] / cosmic[name].sum() * counts[cause].sum()
        common = expected >= 5
        observed = np.r_[counts.loc[common, cause], counts.loc[~common, cause].sum()]
        means = np.r_[expected[common], max(expected[~common].sum(), 1e-9)]
        if observed[-1] == 0:
            observed, means = observed[:-1], means[:-1] * observed.sum() / means[:-1].sum()
        assert chisquare(observed, means).pvalue > 1e-4, name


def test_the_middle_of_a_context_is_the_reference_and_either_strand_is_as_likely(drawn):
    assert (drawn["context"].str[1] == drawn["reference"]).all()
    assert (drawn["alternative"] != drawn["reference"]).all()
    forward = drawn["reference"].isin(["C", "T"]).sum()
    assert abs(forward - len(drawn) / 2) < Z * np.sqrt(len(drawn)) / 2


def test_mutations_lie_inside_chromosomes_in_proportion_to_their_length(drawn):
    lengths = np.array(genome.LENGTHS["GRCh37"])
    assert (drawn["position"] >= 1).all()
    assert (drawn["position"] <= lengths[drawn["chromosome"]]).all()
    seen = np.bincount(drawn["chromosome"], minlength=24)
    assert seen[23] == 0  # no Y
    share = lengths[:23] / lengths[:23].sum()
    assert chisquare(seen[:23], share * len(drawn)).pvalue > 1e-4
    # and evenly along each
    assert kstest(drawn["position"] / lengths[drawn["chromosome"]], "uniform").pvalue > 1e-4


def test_no_two_mutations_of_a_leukaemia_are_at_one_place(drawn):
    assert not drawn.duplicated(["draw", "chromosome", "position"]).any()


def test_mutations_in_exons_have_a_class_and_a_gene_and_others_have_neither(drawn):
    known = genome.exons().gene_at(drawn["chromosome"].to_numpy(), drawn["position"].to_numpy())
    pd.testing.assert_series_equal(drawn["gene"], pd.Series(known), check_names=False)
    assert drawn["class"].isna().equals(drawn["gene"].isna())
    classes = drawn["class"].value_counts()
    order = ["Missense_Mutation", "Silent", "Nonsense_Mutation", "Splice_Site"]
    expected = np.array([0.69, 0.25, 0.04, 0.02]) * classes.sum()
    assert chisquare(classes.reindex(order, fill_value=0), expected).pvalue > 1e-4
    # exons of genes are 1 to 1.5 % of the genome (35 Mb of 3.1 Gb, a capture's size)
    assert 0.005 < drawn["gene"].notna().mean() < 0.02


def test_mutations_have_the_share_of_cells_of_their_clone(drawn, tree):
    mine = drawn[drawn["clone"] >= 0]
    assert (mine["at_diagnosis"] == tree.at_diagnosis[mine["clone"]]).all()
    assert (mine["at_relapse"] == tree.at_relapse[mine["clone"]]).all()


def test_tails_of_growth_fall_as_one_over_the_share_squared(drawn):
    """Neutral growth: density 1 / f^2, here above .1 (Williams 2016, Nat Genet 48:238)."""
    tail = drawn[drawn["clone"] == -1]
    for mine, other in (("at_diagnosis", "at_relapse"), ("at_relapse", "at_diagnosis")):
        share = tail.loc[tail[other] == 0, mine]
        assert abs(len(share) / 120 - 20) < Z * np.sqrt(20 / 120)
        assert kstest(share, lambda f: (10 - 1 / f) / (10 - 1)).pvalue > 1e-4


def test_tails_have_the_signatures_of_the_trunk(drawn, tree):
    seen = np.bincount(drawn.loc[drawn["clone"] == -1, "cause"], minlength=8)
    mix = tree.load[TRUNK] / tree.load[TRUNK].sum()
    assert chisquare(seen, mix * seen.sum()).pvalue > 1e-4


def driven(histories, target, cause):
    """The first mutation of each lineage, for lineages with these targets and causes."""
    case = case_with(histories, target, cause)
    rng = np.random.default_rng(3)
    made = clones(case, 6.0, SETTINGS, rng)
    found = pd.DataFrame(variants(case, made, SETTINGS, targets(), rng))
    return found[: len(target)], made


def test_resistance_mutations_lie_at_the_published_hot_spots(histories):
    """`resistance_sites.csv`: gene, alleles, position where known, and the channel's pattern."""
    sites = published.read("resistance_sites")
    where = targets().table
    checked = 0
    for index, site in sites.iterrows():
        row = where[(where["gene"] == site["gene"]) & (where["protein"] == site["protein"])]
        found, _ = driven(histories, [int(row.index[0])], [SIGNATURES.index("SBS87")])
        one = found.iloc[0]
        assert genome.NAMES[one["chromosome"]] == str(site["chromosome"]), index
        for name in ("gene", "protein", "reference", "alternative"):
            assert one[name] == site[name]
        if pd.notna(site["position"]):
            assert one["position"] == site["position"]
        else:
            place = np.array([one["chromosome"]]), np.array([one["position"]])
            assert genome.exons().gene_at(*place)[0] == site["gene"]
        folded = channel(one["context"], one["reference"], one["alternative"])
        assert folded[1:-1] == site["channel"][1:-1]
        assert folded[0] in PAIR[site["channel"][0]]
        assert folded[-1] in PAIR[site["channel"][-1]]
        assert one["context"][1] == one["reference"]
        assert one["class"] == "Missense_Mutation"
        assert one["clone"] == PERSISTER + 1
        checked += 1
    assert checked > 15


def test_a_lost_gene_is_a_deletion_or_ends_the_protein_in_an_exon(histories):
    where = targets()
    losses = np.flatnonzero(where.loss)
    by_deletion, _ = driven(histories, losses, [CAUSES.index(DELETION)] * len(losses))
    by_base, _ = driven(histories, losses, [SIGNATURES.index("SBS5")] * len(losses))
    assert (by_deletion["class"] == "Gene_Deletion").all()
    assert by_deletion[["reference", "alternative", "context"]].isna().all(axis=None)
    assert (by_base["class"] == "Nonsense_Mutation").all()
    assert (by_base["context"].str[1] == by_base["reference"]).all()
    for found in (by_deletion, by_base):
        assert found["gene"].tolist() == where.gene[losses].tolist()
    inside = genome.exons().gene_at(
        by_base["chromosome"].to_numpy(), by_base["position"].to_numpy()
    )
    assert inside.tolist() == where.gene[losses].tolist()


def test_drivers_belong_to_their_lineage_and_keep_its_share_of_cells(histories):
    target, cause = [3, 12, 16], [SIGNATURES.index("SBS87")] * 3
    found, tree = driven(histories, target, cause)
    assert found["clone"].tolist() == [4, 5, 6]
    assert found["at_relapse"].tolist() == pytest.approx([0.3] * 3)
    assert (found["at_diagnosis"] == 0).all()
    assert found["cause"].tolist() == cause
    assert tree.lineage[4:].tolist() == [0, 1, 2]


def test_lost_mismatch_repair_is_a_mutation_of_the_persisters(histories):
    case = case_with(histories, [-1], [-1])
    case = replace(case, traits=replace(case.traits, mmr="MSH6"))
    rng = np.random.default_rng(4)
    tree = clones(case, 6.0, SETTINGS, rng)
    first = pd.DataFrame(variants(case, tree, SETTINGS, targets(), rng)).iloc[0]
    assert (first["gene"], first["clone"], first["class"]) == ("MSH6", PERSISTER, "Gene_Deletion")
    assert first["at_relapse"] == pytest.approx(0.9)


def test_a_leukaemia_without_mutations_has_but_its_tail(case, tree):
    none = Clones(
        tree.parent, tree.founded, tree.at_diagnosis, tree.at_relapse, 0 * tree.load, tree.lineage
    )
    found = variants(case, none, SETTINGS, targets(), np.random.default_rng(5))
    assert set(found["clone"]) == {-1}
    assert set(found["cause"]) <= {0, 1, 2}  # SBS1, SBS5 and SBS18, as without damage
    assert np.bincount(found["cause"]).argmax() == 1  # .65 of them

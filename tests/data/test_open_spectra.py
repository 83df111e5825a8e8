"""The open spectra are what the notebooks say of them; expected values from the data's SOURCES."""

import pytest

from allrelapse.data import open_spectra
from allrelapse.errors import InputError


def test_target_all_has_12_diagnosis_and_10_relapse_exomes_and_two_pairs(mirror):
    exomes = open_spectra.target_exomes("ALL")
    assert dict(exomes.samples["stage"].value_counts()) == {"diagnosis": 12, "relapse": 10}
    stages = exomes.samples.groupby("patient")["stage"].nunique()
    assert set(stages.index[stages == 2]) == {"PAPZNK", "PARIAD"}
    assert list(exomes.counts.columns) == list(exomes.samples.index)


def test_most_aml_relapse_exomes_hold_fewer_than_ten_mutations(mirror):
    # why notebook 05 does not judge them
    exomes = open_spectra.target_exomes("AML")
    burden = exomes.counts.sum()[exomes.samples["stage"] == "relapse"]
    assert len(burden) == 47
    assert (burden < 10).mean() > 0.9


def test_control_genomes_are_34_of_all_and_2780_of_pcawg(mirror):
    assert open_spectra.all_genomes().shape == (96, 34)
    assert open_spectra.pcawg_genomes().shape == (96, 2780)


def test_all_exomes_are_274_and_hold_those_of_target(mirror):
    exomes = open_spectra.all_exomes()
    assert exomes.shape == (96, 274)
    assert set(open_spectra.target_exomes("ALL").counts) < set(exomes)


def test_other_genomes_are_1831_and_of_no_all(mirror):
    genomes = open_spectra.other_genomes()
    assert genomes.shape == (96, 1831)
    assert not genomes.columns.str.startswith("ALL::").any()


def test_other_exomes_are_9370_of_no_all_and_of_no_relapse_that_a_barcode_tells(mirror):
    exomes = open_spectra.other_exomes()
    assert exomes.shape == (96, 9370)
    assert not exomes.columns.str.startswith("ALL::").any()
    # sample types 04 and 40 of TARGET: recurrent marrow and blood
    assert not exomes.columns.str.contains(r"TARGET-\d\d-\w{6}-(?:04|40)").any()
    assert exomes.columns.str.contains(r"TARGET-\d\d-\w{6}-09").any()


def test_a_disease_that_target_lacks_is_refused_with_those_there_are(mirror):
    with pytest.raises(InputError, match=r"'CLL'.*ALL, AML"):
        open_spectra.target_exomes("CLL")

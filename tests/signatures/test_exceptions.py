"""Readings of exceptions: constructed spectra, and the genome that FACTS section 3 names."""

import numpy as np
import pandas as pd
import pytest

from allrelapse import signatures
from allrelapse.data import open_spectra, reference
from allrelapse.errors import InputError

CHANNELS = np.arange(96)
# each signature makes all of its channels alike
MADE_IN = {
    "even": CHANNELS >= 0,
    "target": CHANNELS < 8,
    "left": CHANNELS < 4,
    "right": (CHANNELS >= 4) & (CHANNELS < 8),
    "dirt": CHANNELS < 10,
}
MENU = pd.DataFrame({name: made / made.sum() for name, made in MADE_IN.items()})
HALVES = ["left", "right"]


def spectrum(name=None, excess=0, uneven=0):
    """10 mutations in each channel, more in those of one signature; from 10 on some up and down."""
    counts = 10 + excess * MADE_IN.get(name, CHANNELS < 0)
    counts = counts + uneven * np.where(CHANNELS % 2, 1, -1) * (CHANNELS >= 10)
    return pd.DataFrame({"s": counts.astype(int)})


def examined(counts, without=HALVES):
    return signatures.examine(counts, MENU.drop(columns=without), "target", ["dirt"]).loc["s"]


def test_an_even_spectrum_is_no_exception():
    assert examined(spectrum())["reading"] == "not found"


def test_what_an_artefact_made_is_read_as_artefact():
    found = examined(spectrum("dirt", 10))
    assert found["p_value"] < 0.01
    assert found["p_with_artefacts"] > 0.5
    assert found["reading"] == "artefact"


def test_a_weak_target_that_half_of_it_could_explain_is_read_as_confounder():
    # 8 channels of 13 instead of 10: a likelihood ratio of 6 without either half, 3 with one
    found = examined(spectrum("target", 3), without=["dirt"])
    assert found["p_value"] < 0.01
    assert found["confounders"] == "left right"
    assert found["reading"] == "confounder"


def test_a_target_in_a_spectrum_that_the_catalogue_does_not_describe_is_read_as_misfit():
    # alternating 3 and 17 have a variance of nearly 5 times their mean
    found = examined(spectrum("target", 60, uneven=7))
    assert found["dispersion"] > 2
    assert found["reading"] == "misfit"


def test_a_plain_target_is_left_unexplained_with_its_share():
    found = examined(spectrum("target", 60))
    assert found["reading"] == "unexplained"
    assert found["mutations"] == 960 + 480
    assert found["percent"] == pytest.approx(100 * 480 / 1440, abs=0.1)


def test_the_reading_is_the_first_that_holds():
    # the same weak target among the halves and the artefact: both explain it away
    both = examined(spectrum("target", 3), without=[])
    assert both["confounders"]
    assert both["reading"] == "artefact"


def test_a_stricter_screen_finds_no_exception():
    strict = signatures.examine(
        spectrum("target", 3), MENU[["even", "target"]], "target", [], alpha=1e-4
    )
    assert strict.loc["s", "reading"] == "not found"


def test_a_target_among_the_artefacts_is_refused():
    with pytest.raises(InputError, match="'target' is among the artefacts"):
        signatures.examine(spectrum(), MENU, "target", ["dirt", "target"])


def test_the_bladder_genome_of_sbs87_is_not_found_at_one_in_a_hundred(mirror):
    sample = open_spectra.pcawg_genomes()[["Bladder-TCC::SP975"]]
    menu = reference.cosmic()
    found = signatures.examine(sample, menu, "SBS87", reference.ARTEFACTS, alpha=0.01).iloc[0]
    assert found["reading"] == "not found"
    assert 0.01 <= found["p_value"] < 0.05  # why it was called by a looser screen

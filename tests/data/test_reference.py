"""COSMIC's signatures as they are installed; expected values from FACTS section 3."""

import math
import subprocess
import sys

import numpy as np
import pytest

from allrelapse.data import reference
from allrelapse.data.reference import ARTEFACTS, CHANNELS, cosmic, versions
from allrelapse.errors import InputError


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


@pytest.fixture(scope="module")
def v34():
    return cosmic()


def test_the_default_catalogue_is_v34_with_86_signatures(v34):
    assert v34.shape == (96, 86)
    assert tuple(v34.index) == CHANNELS
    assert (v34.index.name, v34.columns.name) == ("channel", "signature")


def test_channels_run_through_substitutions_within_each_base_before():
    assert CHANNELS[:5] == ("A[C>A]A", "A[C>A]C", "A[C>A]G", "A[C>A]T", "A[C>G]A")
    assert CHANNELS[24] == "C[C>A]A"
    assert len(set(CHANNELS)) == 96


@pytest.mark.parametrize("exome", [False, True], ids=["genome", "exome"])
@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
def test_every_column_of_every_version_sums_to_one(build, exome):
    for version in versions(build):
        table = cosmic(version, build, exome)
        assert max(abs(math.fsum(table[name]) - 1) for name in table) < 1e-15
        assert table.to_numpy().min() >= 0


@pytest.mark.parametrize(
    ("signature", "channel", "share"),
    [
        ("SBS87", "C[C>T]G", 0.187),
        ("SBS87", "A[C>T]G", 0.122),
        ("SBS87", "C[C>G]G", 0.086),
        ("SBS86", "T[C>G]T", 0.111),
        ("SBS86", "G[C>G]C", 0.109),
        ("SBS86", "A[C>G]T", 0.092),
    ],
)
def test_the_therapy_signatures_have_their_published_peaks(v34, signature, channel, share):
    assert v34.loc[channel, signature] == pytest.approx(share, abs=5e-4)


def test_sbs86_and_sbs87_are_hardly_alike(v34):
    assert cosine(v34["SBS86"], v34["SBS87"]) == pytest.approx(0.186, abs=5e-4)


@pytest.mark.parametrize(
    ("signature", "nearest", "value"), [("87", "1", 0.744), ("86", "39", 0.81)]
)
def test_the_nearest_signature_is_as_known(v34, signature, nearest, value):
    target = v34[f"SBS{signature}"]
    others = v34.drop(columns=target.name).apply(lambda other: cosine(target, other))
    assert others.idxmax() == f"SBS{nearest}"
    assert others.max() == pytest.approx(value, abs=5e-3)


@pytest.mark.parametrize("version", ["3.1", "3.2", "3.3", "3.5", "3.6"])
def test_the_therapy_signatures_are_the_same_in_every_version(v34, version):
    other = cosmic(version)
    for name in ("SBS86", "SBS87"):
        assert cosine(other[name], v34[name]) > 0.999999


def test_exome_signatures_differ_from_those_of_genomes(v34):
    assert abs(cosmic(exome=True)["SBS87"] - v34["SBS87"]).max() > 0.01


def test_versions_come_oldest_first():
    assert versions() == ["1", "2", "3", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]


def test_an_unknown_version_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"'3\.9' for GRCh37; there are 1, .*3\.6"):
        cosmic("3.9")


def test_an_unknown_build_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match="'hg19'; there are GRCh37, GRCh38, mm10"):
        cosmic(build="hg19")


def test_artefacts_are_the_nineteen_that_cosmic_marks(v34):
    assert len(ARTEFACTS) == 19
    assert set(v34) >= ARTEFACTS
    assert not ARTEFACTS & {"SBS44", "SBS84", "SBS86", "SBS87"}


def test_reading_signatures_does_not_import_sigprofiler():
    code = (
        "import sys; from allrelapse.data.reference import cosmic; cosmic();"
        "print([name for name in sys.modules if name.startswith('SigProfiler')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_split_signature_stands_for_its_parts_and_a_whole_one_for_itself():
    catalogue = reference.cosmic("3.4")
    assert reference.named(catalogue, ["SBS87", "SBS40"]) == ["SBS40a", "SBS40b", "SBS40c", "SBS87"]
    assert reference.named(reference.cosmic("3.3"), ["SBS40"]) == ["SBS40"]
    with pytest.raises(InputError, match=r"SBS4000.*SBS87"):
        reference.named(catalogue, ["SBS4000"])

"""Colours of one palette differ for every reader, and no colour has two meanings."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from allrelapse import figures
from allrelapse.plots import clones, drugs

# Machado, Oliveira & Fernandes 2009, IEEE Trans Vis Comput Graph 15:1291, severity 1.0, linear RGB
SEEN = {
    "trichromat": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# IEC 61966-2-1 (sRGB, white D65)
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
APART = 15  # CIE 1976 distance within a palette; 2.3 is just noticeable (Mahy 1994)
UNLIKE = 14  # of the colours of timing and of when from those of all other palettes
PALETTES = {
    "timing": figures.TIMING.values(),
    "event": figures.EVENT.values(),
    "lineage": figures.LINEAGE.values(),
    "gene": figures.GENE.values(),
    "genotype": [colour for colour, _ in drugs.GENES.values()],  # beside the wild type
    "signature": figures.SIGNATURE.values(),
    "route": figures.ROUTE,
    "neutral": figures.NEUTRAL,
    "clones": clones.CLONES,
}
# a stage's grey and pink are alike for deuteranopes: those of `when` differ by being hollow, too
ALL = PALETTES | {"when": figures.WHEN.values()}
SHARED = {  # a second relapse is one, genotypes are of genes, and dark grey is no hue
    ("when", "event"), ("gene", "genotype"), ("event", "neutral"), ("event", "genotype"),
    ("genotype", "neutral"),
}  # fmt: skip


def lab(colour, reader="trichromat"):
    """CIE 1976 L*a*b* of a colour as a reader sees it."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(SEEN[reader]) @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, reader="trichromat"):
    return float(np.linalg.norm(lab(one, reader) - lab(other, reader)))


def test_the_scale_of_colours_is_right():
    # values of sRGB red and white as tabulated (Lindbloom)
    assert lab("#FF0000") == pytest.approx([53.2408, 80.0925, 67.2032], abs=1e-3)
    assert lab("#FFFFFF") == pytest.approx([100, 0, 0], abs=1e-3)
    # red and green that differ by hue alone: far apart, but not for deuteranopes
    assert distance("#AA7733", "#779933") > 2 * distance("#AA7733", "#779933", "deuteranope")


@pytest.mark.parametrize("reader", SEEN)
@pytest.mark.parametrize("name", PALETTES)
def test_colours_of_a_palette_differ_for_every_reader(name, reader):
    for one, other in combinations(PALETTES[name], 2):
        assert distance(one, other, reader) >= APART, (one, other)


def test_no_colour_has_two_meanings():
    for (name, mine), (other, theirs) in combinations(ALL.items(), 2):
        if not {(name, other), (other, name)} & SHARED:
            assert not {c.upper() for c in mine} & {c.upper() for c in theirs}, (name, other)


@pytest.mark.parametrize("name", ["timing", "when"])
def test_nothing_looks_like_a_time_of_relapse_or_of_being_seen(name):
    for other in set(ALL) - {"when", name, *(["event"] if name == "when" else [])}:
        for mine in ALL[name]:
            for theirs in ALL[other]:
                assert distance(mine, theirs) >= UNLIKE, (other, mine, theirs)


def test_each_gene_has_a_marker_of_its_own():
    assert list(figures.MARKER) == list(figures.GENE)
    assert len(set(figures.MARKER.values())) == len(figures.GENE)


def test_cohorts_of_one_colour_differ_by_marker():
    looks = [look[1:3] for look in figures.COHORT.values()]
    few = {look for look in looks if look[0] == figures.STAGE["diagnosis"]}
    assert len(few) == 2
    assert len(set(looks)) == len(looks)

"""Data at the door: published facts, open data sets, reference signatures, spectra."""

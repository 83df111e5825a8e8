"""Therapy-induced mutations in relapsed childhood leukaemia: the methods behind the notebooks."""

from importlib.metadata import version

__version__ = version("allrelapse")

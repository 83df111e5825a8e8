"""Commands of `allrelapse` by subject; `allrelapse.cli` puts them together.

What takes long to import is imported within the functions, so that `--help` comes at once.
"""

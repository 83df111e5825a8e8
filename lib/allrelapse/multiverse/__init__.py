"""Every claim under every defensible choice of analysis: does its verdict hold?

`study.yaml` declares the choices, `chains` hold what is computed, from data to value, and the
other modules run all combinations, judge and draw them.

Rule for the label of a claim (`rule`)
--------------------------------------
A *specification* is one combination of choices; the *usual* one is that of the notebooks.

- *robust*: at least 95 % of the specifications have the verdict of the usual one.
- *sensitive*: fewer do, but at least half. It is sensitive *to X*, or *to X and Y*, if one choice,
  or else two together, explain at least half of the variation of the verdict between
  specifications; and *to combinations of choices* if no two do.
- *fragile*: less than half keep the verdict.

No label is given where fewer than two specifications could be computed. The rule was fixed before
any label was known, but for one thing: then what no two choices explain was fragile, too, and a
verdict that 51 of 54 specifications kept was called so.
"""

"""How resistance arises and grows: branching processes, therapy, clones, and where relapses begin.

`branching` and `therapy` hold closed forms, `simulator` draws what they describe; `growth`,
`doubling` and `founding` look back from a relapse; `origin` compares the routes by which relapses
come; `clones`, `trees` and `convergence` read a history from reads. `sentis` is a published study.
"""

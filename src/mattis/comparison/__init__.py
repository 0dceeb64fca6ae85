"""Where theory meets simulation: what figures, verdicts, pages and notebooks share of a study.

`view` says what is across and what is a curve, `foretold` what theory expects of each cell, `lines` what it
draws between them.
"""

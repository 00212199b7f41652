"""CEL expressions: analysed, checked against the vendors' vocabulary, tried on samples, compiled.

CEL has no loops, but nested macros multiply and hold the interpreter, so their depth and the length
of an expression are limited.
"""

from watcher.ruleset.cel.check import problems_in
from watcher.ruleset.cel.mistakes import Problem
from watcher.ruleset.cel.program import Expression, Facts, Vocabulary

__all__ = ["Expression", "Facts", "Problem", "Vocabulary", "problems_in"]

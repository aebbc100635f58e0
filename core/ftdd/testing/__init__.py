"""The checks that every component must pass, for plugin authors and for our own tests.

    from ftdd.testing import check

    def test_my_network() -> None:
        check(MyNetwork(width=4))

`checks_of(component)` gives them one by one, for `pytest.mark.parametrize`. A check raises AssertionError with a
sentence. `check_analysis(MyAnalysis)` checks an analysis with its defaults; `made_evidence([MadeRun(...), ...])` makes
a study for its tests.
"""

from ftdd.testing.analyses import MadeRun, check_analysis, made_evidence
from ftdd.testing.run import check, checks_of, examples

__all__ = ["MadeRun", "check", "check_analysis", "checks_of", "examples", "made_evidence"]

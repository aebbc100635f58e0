"""The checks that every component must pass, for plugin authors and for our own tests.

    from ftdd.testing import check

    def test_my_network() -> None:
        check(MyNetwork(width=4))

`checks_of(component)` gives them one by one, for `pytest.mark.parametrize`. A check raises AssertionError with a
sentence. `check_plugin(module)` checks a plugin itself: that it loads without torch, what its hooks return, and that
its listeners hear every event. `check_analysis(MyAnalysis)` checks an analysis with its defaults;
`made_study([MadeRun(...), ...])` makes a study for its tests.
"""

from ftdd.testing.analyses import check_analysis
from ftdd.testing.made_studies import MadeRun, made_study
from ftdd.testing.plugins import check_plugin
from ftdd.testing.run import check, checks_of, examples

__all__ = ["MadeRun", "check", "check_analysis", "check_plugin", "checks_of", "examples", "made_study"]

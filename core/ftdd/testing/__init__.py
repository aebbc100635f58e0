"""The checks that every component must pass, for plugin authors and for our own tests.

    from ftdd.testing import check

    def test_my_network() -> None:
        check(MyNetwork(width=4))

`checks_of(component)` gives them one by one, for `pytest.mark.parametrize`. A check raises AssertionError with a
sentence.
"""

from ftdd.testing.run import check, checks_of, examples

__all__ = ["check", "checks_of", "examples"]

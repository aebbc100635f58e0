"""The analyses that ship with ftdd: from curves to findings. docs/method.md defines what each computes."""

from collections.abc import Sequence

import ftdd
from ftdd.components import Analysis
from ftdd_plugins.analyses.advise import Advise
from ftdd_plugins.analyses.controls import Controls
from ftdd_plugins.analyses.emc import EffectiveModelComplexity
from ftdd_plugins.analyses.ensembles import Ensembles
from ftdd_plugins.analyses.epochwise import Epochwise
from ftdd_plugins.analyses.freezingwise import Freezingwise
from ftdd_plugins.analyses.memorization import Memorization
from ftdd_plugins.analyses.paper import Paper
from ftdd_plugins.analyses.similarity import Similarity
from ftdd_plugins.analyses.sizes import Sizes
from ftdd_plugins.analyses.widthwise import Widthwise


@ftdd.hookimpl
def ftdd_analyses() -> Sequence[type[Analysis]]:
    """All of them; `rank` says in which order findings are read."""
    return [
        Advise,
        Controls,
        EffectiveModelComplexity,
        Ensembles,
        Epochwise,
        Freezingwise,
        Memorization,
        Paper,
        Similarity,
        Sizes,
        Widthwise,
    ]

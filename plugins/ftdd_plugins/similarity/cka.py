"""The scheme `cka`: the similarity of two networks' representations of the same images."""

from typing import ClassVar, Literal

from ftdd.components import Score
from ftdd.components.comparison import Comparison
from ftdd_plugins.similarity.arrays import Doubles, Floats, as_rows, centred
from ftdd_plugins.similarity.samples import even_part
from ftdd_plugins.similarity.source_network import SourceNetworkScheme


class Cka(SourceNetworkScheme):
    """Centred kernel alignment between source network and target network, layer by layer; in [0, 1].

    Linear CKA (Kornblith et al. 2019, arXiv 1905.00414) on test images of the target, maps averaged over places. The
    target network is one like the source, trained on the target's own task as the control `selffer` would train it for
    the first run of this pair and source: one network stands for all sizes and seeds of the target. The score is the
    mean over layers below the head; its details say where similarity ends. Biased towards 1 for fewer images than
    features.
    """

    best: ClassVar[float | None] = 1.0
    lowest: ClassVar[float | None] = 0.0
    symmetric: ClassVar[bool] = False

    name: Literal["cka"] = "cka"

    @property
    def needs(self) -> Literal["both networks"]:
        """Source network and target network."""
        return "both networks"

    def score(self, given: Comparison) -> Score:
        """The mean over layers, and every layer's own."""
        part = even_part(given.task("target").test, self.images)
        source, target = (given.network(side).layers(part) for side in ("source", "target"))
        found = {name: linear_cka(a, b) for (name, a), (_, b) in zip(source, target, strict=True)}
        return Score(sum(found.values()) / len(found), found)


def linear_cka(a: Floats, b: Floats) -> float:
    """Linear centred kernel alignment of a, (n, D1), and b, (n, D2), features of the same n samples; in [0, 1].

    1 where one is the other up to shift, rotation and isotropic scaling; no other linear map leaves it alone. 0 where
    no feature of one correlates with one of the other, and where either is constant.
    Biased up for few samples: with n below D1 and D2 even independent random features are near 1, and the bias is gone
    only for n well above both. Compare only values at equal n and widths, best with that of shuffled rows.
    Formula: |AᵀB|² / (|AᵀA| |BᵀB|) in Frobenius norms, A and B centred; Kornblith et al. 2019, arXiv 1905.00414.

    Raises ValueError for fewer than 2 samples, different numbers of them, or values that are not finite.
    """
    import numpy as np

    rows_a, rows_b = as_rows(a, "a", least=2), as_rows(b, "b", least=2)
    if len(rows_a) != len(rows_b):
        raise ValueError(
            f"a and b: must be features of the same samples, row by row, got {len(rows_a)} and {len(rows_b)}"
        )
    unit_a, unit_b = _scaled(centred(rows_a)), _scaled(centred(rows_b))
    n, width_a, width_b = len(unit_a), unit_a.shape[1], unit_b.shape[1]
    # The same number by whichever products are smaller: of samples (n × n) or of features.
    if n * (width_a + width_b) < width_a**2 + width_b**2 + width_a * width_b:
        gram_a, gram_b = unit_a @ unit_a.T, unit_b @ unit_b.T
        shared = float(np.sum(gram_a * gram_b))
    else:
        gram_a, gram_b = unit_a.T @ unit_a, unit_b.T @ unit_b
        shared = float(np.sum((unit_a.T @ unit_b) ** 2))
    own = float(np.linalg.norm(gram_a) * np.linalg.norm(gram_b))
    return min(max(shared / own, 0.0), 1.0) if own > 0 else 0.0


def _scaled(rows: Doubles) -> Doubles:
    """Rows over the largest value: their fourth powers neither overflow nor vanish."""
    import numpy as np

    largest = np.abs(rows).max()
    return rows / largest if largest > 0 else rows

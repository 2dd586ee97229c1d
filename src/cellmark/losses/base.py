"""What every loss is: named terms, each with its weight.

To add one: write a subclass of ``Loss`` in a file of its own and a YAML file with its ``_target_`` in ``conf/loss``.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cellmark.errors import CellmarkError
from cellmark.heatmaps.targets import Targets


class Loss(nn.Module):
    """A weighted sum of named scalars, to be minimised.

    Attributes:
        needs: heads of the network that the loss reads.
        least_classes: fewest classes with which the loss makes sense.
        weights: weight of each term, by its name.
    """

    needs: tuple[str, ...] = ("heatmap",)
    least_classes: int = 1
    weights: dict[str, float]

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Sets the weight of every term.

        Raises:
            CellmarkError: a weight that is not a finite number of at least 0.
        """
        super().__init__()
        for name, weight in weights.items():
            self.check(f"the weight of {name}", weight)
        self.weights = {name: float(weight) for name, weight in weights.items()}

    def check(self, name: str, weight: float) -> None:
        """Refuses a setting that is not a finite number of at least 0.

        Raises:
            CellmarkError: it is something else.
        """
        if not (isinstance(weight, int | float) and math.isfinite(weight) and weight >= 0):
            raise CellmarkError(f"{type(self).__name__}: {name} must be a number of at least 0, got {weight!r}")

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """The scalar value of every term, without its weight.

        Args:
            outputs: named maps of the network, (B, K, h, w) each; ``heatmap`` holds logits.
            targets: the truth at the size of the maps.
        """
        raise NotImplementedError

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of ``terms``, a scalar."""
        return torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()

    def forward(self, outputs: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """Weighted sum of the terms; see ``terms``."""
        return self.total(self.terms(outputs, targets))

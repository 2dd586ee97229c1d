"""Several losses as one."""

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from cellmark.errors import CellmarkError
from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import Maps


class WeightedSum(Loss):
    """The terms of several losses, each with its own weight times that of its loss; it needs what they all need."""

    def __init__(self, losses: Mapping[str, Loss], weights: Mapping[str, float]) -> None:
        """Joins the losses.

        Args:
            losses: by a name of one's choice.
            weights: of each loss, by the same names.

        Raises:
            CellmarkError: there are none, the names of ``losses`` and ``weights`` differ, two losses have a term of
                one name, or a weight is negative or not finite.
        """
        if not losses or set(losses) != set(weights):
            raise CellmarkError(f"WeightedSum has the losses {sorted(losses)}, and weights for {sorted(weights)}")
        for name, weight in weights.items():
            self.check(f"the weight of {name}", weight)
        combined: dict[str, float] = {}
        source: dict[str, str] = {}
        for name, loss in losses.items():
            for term, weight in loss.weights.items():
                if term in source:
                    raise CellmarkError(f"WeightedSum: the losses {source[term]} and {name} both have a term {term}")
                source[term], combined[term] = name, weights[name] * weight
        super().__init__(combined)
        self.losses = nn.ModuleDict(dict(losses.items()))
        self.needs = tuple(dict.fromkeys(head for loss in losses.values() for head in loss.needs))
        self.least_classes = max(loss.least_classes for loss in losses.values())

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """The terms of all losses, which share what they derive from the maps."""
        maps = Maps.of(outputs)
        parts = [cast(Loss, loss).terms(maps, targets) for loss in self.losses.values()]
        return {name: value for part in parts for name, value in part.items()}

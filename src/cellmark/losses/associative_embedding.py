"""Associative embedding: cells of one class get one tag, cells of different classes different ones."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from cellmark.coordinates import resize_points
from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import at_least_single


class AssociativeEmbeddingLoss(Loss):
    """Terms ``embedding_pull`` and ``embedding_push`` (Newell, Huang and Deng 2017, eq. 1, with sigma 1).

    The groups are the classes of the cells of one image. With e the embedding read at a cell's true centre, and mu
    the mean of its group:

    ``pull``: mean over the groups of the mean of ``|e - mu|^2`` over their cells;
    ``push``: mean over ordered pairs of different groups of ``exp(-|mu_a - mu_b|^2 / 2)``.

    Mean over the images that have cells, for ``push`` over those that have at least two classes; 0 without such images.
    """

    needs = ("embedding",)
    least_classes = 2

    def __init__(self, push: float = 0.1, pull: float = 0.1) -> None:
        """Sets the weights of the two terms.

        Raises:
            CellmarkError: a weight is negative or not finite.
        """
        super().__init__({"embedding_push": push, "embedding_pull": pull})

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """Both terms of ``outputs["embedding"]`` (B, D, h, w), unbounded."""
        maps, batch = at_least_single(outputs["embedding"]), targets.batch
        tags = sample(maps, resize_points(batch.points.to(maps), (1 / targets.stride, 1 / targets.stride)))
        classes = torch.arange(targets.heatmap.shape[1], device=maps.device)
        members = (batch.labels[:, :, None] == classes).to(maps)  # (B, N, G)
        count = members.sum(dim=1)
        share = members / count.clamp_min(1)[:, None]
        means = (share[..., None] * tags[:, :, None]).sum(dim=1)  # (B, G, D)
        spread = (share * (tags[:, :, None] - means[:, None]).square().sum(dim=-1)).sum(dim=1)  # (B, G)
        present = (count > 0).to(maps)
        pairs = present[:, :, None] * present[:, None] * (1 - torch.eye(len(classes)).to(maps))
        overlap = torch.exp(-(means[:, :, None] - means[:, None]).square().sum(dim=-1) / 2)
        return {
            "embedding_push": _mean_of_means(overlap.flatten(1), pairs.flatten(1)),
            "embedding_pull": _mean_of_means(spread, present),
        }


def sample(maps: Tensor, points: Tensor) -> Tensor:
    """Bilinear values (B, N, D) of maps (B, D, h, w) at points (B, N, 2), x and y in pixels of the maps.

    Beyond the centres of the outermost pixels the value is that of the rim.
    """
    height, width = maps.shape[-2:]
    grid = (2 * points + 1) / points.new_tensor([width, height]) - 1
    values = functional.grid_sample(maps, grid[:, None], padding_mode="border", align_corners=False)
    return values[:, :, 0].transpose(1, 2)


def _mean_of_means(values: Tensor, members: Tensor) -> Tensor:
    """Mean over the members of each image, then over the images that have any; both (B, K), 0 for none."""
    count = members.sum(dim=1)
    means = (values * members).sum(dim=1) / count.clamp_min(1)
    return means.sum() / (count > 0).sum().clamp_min(1)

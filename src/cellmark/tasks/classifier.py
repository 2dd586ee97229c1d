"""The training of the network for a second look, on rectified pictures."""

from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cellmark.data.rectify import FARTHEST
from cellmark.models.classifier import CellClassifier, Cells

Batch = tuple[Tensor, Tensor, Tensor]  # of ``RectifiedCodes``
SHIFT, INSIDE = 0.05, 0.1  # weights beside the cross entropy of the classes
EXCHANGED = 0.1  # what it costs to have black and white exchanged: it shall still call the dark cells black


class ClassifierTask(L.LightningModule):
    """Trains the network to tell black from white, up to an exchange of both.

    A part of a code does not say whether it is light on dark. The finder does, later: so a code that is right but for
    an exchange of both colours is right.
    """

    def __init__(self, network: CellClassifier, rate: float = 3e-3, decay: float = 0.02) -> None:
        """Takes the network, the highest learning rate of one cycle and the weight decay."""
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.rate, self.decay = rate, decay

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss of a batch."""
        return self._measure("train", batch)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Logs loss, share of wrong cells, and the error of shifts."""
        self._measure("val", batch)

    def _measure(self, split: str, batch: Batch) -> Tensor:
        picture, labels, shift = batch
        terms = measure(self.network(picture), labels, shift)
        loss = terms["classes"] + SHIFT * terms["shift"] + INSIDE * terms["inside"]
        for name, value in (terms | {"loss": loss}).items():
            self.log(f"{split}/{name}", value, on_step=False, on_epoch=True, batch_size=len(picture))
        return loss

    def configure_optimizers(self) -> Any:
        """One cycle of AdamW."""
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.rate, total_steps=steps, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def measure(cells: Cells, labels: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """Means over the pictures.

    Args:
        cells: of the network.
        labels: (B, rows, cols) 1 = black, 0 = white, below 0 = no cell of the code.
        shift: (B, 2, rows, cols) the true one, in cells. One further than ``FARTHEST`` counts for the shift alone: it
            shall be found or doubted, but what is black there is that of another cell.

    Returns:
        ``classes`` and ``wrong``, cross entropy and share of wrong cells, each up to an exchange of both colours;
        ``shift``, the negative logarithm of the likelihood by a Laplace distribution, and ``off``, the mean distance;
        ``inside``, the cross entropy of whether there is a cell.
    """
    inside, black = labels >= 0, labels.clamp(min=0)
    near = inside & (shift.norm(dim=1) < FARTHEST)

    def mean(values: Tensor, counts: Tensor = near) -> Tensor:
        return (values * counts).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)

    def entropy(odds: Tensor) -> Tensor:
        return mean(binary_cross_entropy_with_logits(odds, black, reduction="none"))

    wrong = mean(((cells.black > 0) != (black > 0.5)).float())
    error = (cells.shift - shift).abs()
    return {
        "classes": torch.minimum(entropy(cells.black), entropy(-cells.black) + EXCHANGED).mean(),
        "wrong": torch.minimum(wrong, 1 - wrong).mean(),
        "shift": mean((error / cells.doubt.exp()[:, None] + cells.doubt[:, None]).sum(1), inside).mean(),
        "off": mean(error.square().sum(1).sqrt()).mean().detach(),
        "inside": binary_cross_entropy_with_logits(cells.inside, inside.float()),
    }

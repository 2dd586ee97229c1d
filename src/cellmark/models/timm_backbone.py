"""One adapter for every timm model that gives features at several scales."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import timm
import torch
from timm.models import FeatureInfo
from torch import Tensor, nn

from cellmark.errors import CellmarkError

PROBE = (64, 96)  # pixels

log = logging.getLogger(__name__)


class TimmBackbone(nn.Module):
    """The multi-scale features of a timm model.

    Attributes:
        name: timm's name of the model.
        channels: channels of each map, finest first.
        reductions: input pixels per pixel of each map.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool | Literal["required"] = True,
        out_indices: Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Creates the model.

        Args:
            name: timm's name, for instance ``resnet18``.
            pretrained: load ImageNet weights; when they cannot be had (no network, no cache) ``True`` warns
                and goes on with random weights, ``required`` is an error.
            out_indices: which of timm's feature levels to use; all by default.
            options: further arguments of the model, for instance ``output_stride: 16``, or
                ``dynamic_img_size: true``, with which plain vision transformers take pictures of any size.

        Raises:
            CellmarkError: timm does not know the name or an option, the model has no multi-scale features, or
                the weights are required and cannot be had.
        """
        super().__init__()
        if pretrained not in (True, False, "required"):
            raise CellmarkError(f"backbone.pretrained must be true, false or required, got {pretrained!r}")
        if not timm.is_model(name):
            near = difflib.get_close_matches(name, timm.list_models(), n=5)
            raise CellmarkError(f"backbone {name!r}: timm has no model of that name (near: {', '.join(near)})")
        self.name = name
        self.model = _create(name, pretrained, out_indices, options or {})
        levels = cast(FeatureInfo, self.model.feature_info)
        self.channels: list[int] = levels.channels()
        self.reductions: list[int] = levels.reduction()
        self._check(name)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> one (B, C_k, H / r_k, W / r_k) per level, finest first."""
        features: list[Tensor] = self.model(images)
        channels_last = features[0].shape[-1] == self.channels[0] != features[0].shape[1]
        return [feature.permute(0, 3, 1, 2) for feature in features] if channels_last else features

    def _check(self, name: str) -> None:
        """Runs a small picture of odd aspect through the model: not all of timm takes any size."""
        height, width = PROBE
        try:
            with torch.no_grad():
                self.model.eval()
                shapes = [tuple(feature.shape[1:]) for feature in self(torch.zeros(1, 3, height, width))]
                self.model.train()
        except (AssertionError, RuntimeError, ValueError) as error:
            raise CellmarkError(f"backbone {name!r} does not take pictures of any size ({error})") from error
        expected = [(c, height // r, width // r) for c, r in zip(self.channels, self.reductions, strict=True)]
        if shapes != expected:
            raise CellmarkError(f"backbone {name!r} gives maps of {shapes} where {expected} were expected")


def _create(
    name: str, pretrained: bool | str, out_indices: Sequence[int] | None, options: Mapping[str, Any]
) -> nn.Module:
    options = {**options, "features_only": True}
    if out_indices is not None:
        options["out_indices"] = tuple(out_indices)
    try:
        model: nn.Module = timm.create_model(name, pretrained=False, **options)
        cast(FeatureInfo, model.feature_info).reduction()
    except TypeError as error:
        raise CellmarkError(f"backbone {name!r}: the model does not take these options ({error})") from error
    except (RuntimeError, AttributeError, ValueError) as error:
        raise CellmarkError(f"backbone {name!r}: timm gives no multi-scale features ({error})") from error
    if not pretrained:
        return model
    try:
        pretrained_model: nn.Module = timm.create_model(name, pretrained=True, **options)
    except (OSError, RuntimeError) as error:  # no network and no cache; no weights known to timm
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if pretrained == "required":
            raise CellmarkError(f"backbone {name!r}: pretrained weights cannot be had ({reason})") from error
        log.warning("backbone %s: pretrained weights cannot be had, random ones are used (%s)", name, reason)
        return model
    return pretrained_model

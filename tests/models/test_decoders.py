from functools import partial

import pytest
import torch

from cellmark.models.compact import CompactBackbone
from cellmark.models.deconv import DeconvDecoder
from cellmark.models.fpn import FPNDecoder
from cellmark.models.network import Network
from cellmark.models.smp_decoder import DeepLabV3PlusDecoder, UNetPlusPlusDecoder
from cellmark.models.timm_backbone import TimmBackbone
from cellmark.models.unet import UNetDecoder

from .contract import NetworkContract

HEADS = {"heatmap": 2}
DOUBLING = [UNetDecoder, UNetPlusPlusDecoder, FPNDecoder]
REACHING = [*DOUBLING, DeepLabV3PlusDecoder]  # those with max_stride


class TestUNetPlusPlus(NetworkContract):
    stride = 2

    def build(self):
        return Network(CompactBackbone((8, 16, 24, 32), (0, 0, 0, 0)), UNetPlusPlusDecoder, HEADS)


class TestFPN(NetworkContract):
    stride = 2

    def build(self):
        return Network(CompactBackbone(), FPNDecoder, HEADS)


class TestDeepLabV3Plus(NetworkContract):
    stride = 2

    def build(self):
        return Network(CompactBackbone(), partial(DeepLabV3PlusDecoder, width=32), HEADS)


class TestUNetOnACoarseBackbone(NetworkContract):
    stride = 2

    def build(self):
        return Network(TimmBackbone("test_convnext", pretrained=False), UNetDecoder, HEADS)


class TestUNetAtFullResolution(NetworkContract):
    stride = 1

    def build(self):
        return Network(CompactBackbone((8, 8), (0, 0)), partial(UNetDecoder, max_stride=1), HEADS)


class TestUNetLeftCoarse(NetworkContract):
    stride = 4

    def build(self):
        return Network(TimmBackbone("test_convnext", pretrained=False), partial(UNetDecoder, max_stride=4), HEADS)


class TestDeconvOnAPlainTransformer(NetworkContract):
    """Its deepest reduction is 16: four blocks."""

    stride = 1

    def build(self):
        backbone = TimmBackbone(
            "vit_tiny_patch16_224",
            pretrained=False,
            out_indices=[-1],
            options={"dynamic_img_size": True, "depth": 1, "embed_dim": 48},
        )
        return Network(backbone, partial(DeconvDecoder, widths=(16, 16, 8, 8)), HEADS)


@pytest.fixture(scope="module")
def plain_transformer():
    options = {"dynamic_img_size": True, "depth": 3, "embed_dim": 48}
    return TimmBackbone("vit_tiny_patch16_224", pretrained=False, options=options)


@pytest.mark.parametrize("decoder", DOUBLING)
def test_maps_of_one_reduction_are_refused(decoder, plain_transformer):
    pattern = rf"decoder {decoder.__name__} on backbone TimmBackbone vit_tiny_patch16_224: .*\[16, 16, 16\]"
    with pytest.raises(ValueError, match=pattern):
        Network(plain_transformer, decoder, HEADS)


def test_deeplab_refuses_what_has_no_details(plain_transformer):
    with pytest.raises(ValueError, match=r"DeepLabV3PlusDecoder on .* vit_tiny\S+: needs a map at reduction 4"):
        Network(plain_transformer, DeepLabV3PlusDecoder, HEADS)
    with pytest.raises(ValueError, match=r"DeepLabV3PlusDecoder on backbone CompactBackbone: .*one at a multiple"):
        Network(CompactBackbone((8, 8), (0, 0)), DeepLabV3PlusDecoder, HEADS)
    with pytest.raises(ValueError, match="three dilation rates"):
        DeepLabV3PlusDecoder([8, 8, 8], [2, 4, 8], rates=(1, 2))


def test_deconv_refuses_and_says_how_many_blocks_fit(plain_transformer):
    pattern = r"DeconvDecoder on backbone TimmBackbone vit_tiny_patch16_224: 5 doublings .* 16: .* have 1 to 4 values"
    with pytest.raises(ValueError, match=pattern):
        Network(plain_transformer, DeconvDecoder, HEADS)
    with pytest.raises(ValueError, match=r"reduction 14: decoder\.widths must have 1 to 1 values"):
        DeconvDecoder([8], [14], widths=(8, 8))
    with pytest.raises(ValueError, match="0 doublings"):
        DeconvDecoder([8], [32], widths=())


def test_unetplusplus_refuses_too_few_and_too_many_levels():
    for levels in (1, 6):
        with pytest.raises(ValueError, match=rf"UNetPlusPlusDecoder on backbone CompactBackbone: .* gives {levels} at"):
            Network(CompactBackbone([8] * levels, [0] * levels), UNetPlusPlusDecoder, HEADS)


@pytest.mark.parametrize("decoder", REACHING)
def test_a_stride_that_cannot_be_reached_is_refused(decoder):
    with pytest.raises(ValueError, match=f"{decoder.__name__} on backbone CompactBackbone: max_stride must be"):
        Network(CompactBackbone([8] * 3, [0] * 3), partial(decoder, max_stride=0), HEADS)
    if decoder is not DeepLabV3PlusDecoder:  # which always starts from 4
        with pytest.raises(ValueError, match="max_stride 2 cannot be reached, a stride of 7"):
            decoder([8, 8], [14, 28])


@pytest.mark.parametrize("decoder", REACHING)
@pytest.mark.parametrize(("max_stride", "stride"), [(1, 1), (2, 2), (3, 2)])
def test_the_stride_is_at_most_what_was_asked(decoder, max_stride, stride):
    built = decoder(channels=[8, 12, 16], reductions=[4, 8, 16], max_stride=max_stride).eval()
    features = [torch.rand(1, c, 64 // r, 96 // r) for c, r in zip([8, 12, 16], [4, 8, 16], strict=True)]
    assert built(features).shape == (1, built.out_channels, 64 // stride, 96 // stride)
    assert built.stride == stride


def test_dilation_follows_the_deepest_map():
    """Six pixels at reduction 16 are twelve at 8 and three at 32."""
    for deepest, expected in ((8, [12, 24, 36]), (16, [6, 12, 18]), (32, [3, 6, 9])):
        decoder = DeepLabV3PlusDecoder([8, 8], [4, deepest], width=16)
        dilations = [m.dilation[0] for m in decoder.modules() if isinstance(m, torch.nn.Conv2d) and m.dilation[0] > 1]
        assert dilations == expected

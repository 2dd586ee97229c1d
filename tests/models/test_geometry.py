"""Decoders must not move what they decode. Two exact tests, and one blob that is learnt.

Training hides a stretch of half a pixel, because a network learns it away where it is trained: the library's own
DeepLabV3+ learns the blobs as well as the corrected one. So a decoder is also held to two exact symmetries.
"""

from functools import partial

import pytest
import torch
from torch import nn

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.compact import CompactBackbone
from cellmark.models.deconv import DeconvDecoder
from cellmark.models.fpn import FPNDecoder
from cellmark.models.network import Network
from cellmark.models.smp_decoder import DeepLabV3PlusDecoder, UNetPlusPlusDecoder
from cellmark.models.timm_backbone import TimmBackbone
from cellmark.models.unet import UNetDecoder

CHANNELS, SIDE = 6, 28  # of every map; pixels of the deepest one
RIM = 10  # pixels of the deepest map that its border can reach: two by moving, the rest through the convolutions
FINE, COARSE = (2, 4, 8), (4, 8, 16)
DECODERS = {
    "unet": UNetDecoder,
    "deconv": partial(DeconvDecoder, widths=(8, 8, 8)),
    "unetplusplus": partial(UNetPlusPlusDecoder, widths=(8, 8)),
    "fpn": partial(FPNDecoder, width=8),
    "deeplabv3plus": partial(DeepLabV3PlusDecoder, width=8, rates=(0.5, 1, 1.5)),
}


def pyramid(reductions, side=SIDE):
    """Random float64 maps of one picture."""
    generator = torch.Generator().manual_seed(0)
    sides = [side * reductions[-1] // reduction for reduction in reductions]
    return [torch.randn(1, CHANNELS, side, side, generator=generator, dtype=torch.float64) for side in sides]


def built(decoder, reductions):
    torch.manual_seed(0)
    return decoder(channels=[CHANNELS] * len(reductions), reductions=list(reductions)).double().eval()


@torch.no_grad()
def stretch(decoder, reductions):
    """How much the output changes when the picture moves by two pixels of the deepest map, beyond moving with it."""
    maps, deepest = pyramid(reductions), reductions[-1]
    moved = [map_.roll(2 * deepest // r, dims=3) for map_, r in zip(maps, reductions, strict=True)]
    before, after = decoder(maps), decoder(moved)
    rim, step = RIM * deepest // decoder.stride, 2 * deepest // decoder.stride
    before, after = (x[..., rim:-rim, rim:-rim] for x in (before.roll(step, dims=3), after))
    assert before.std() > 1e-6
    return float((before - after).abs().max() / before.std())


@torch.no_grad()
def shift(decoder, reductions):
    """How much a mirrored picture gives another output than the mirrored one, with kernels that are symmetric."""
    for layer in decoder.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.copy_((layer.weight + layer.weight.flip(-1)) / 2)
    maps = pyramid(reductions, side=6)
    before, after = decoder(maps), decoder([map_.flip(-1) for map_ in maps]).flip(-1)
    assert before.std() > 1e-6
    return float((before - after).abs().max() / before.std())


@pytest.mark.parametrize("reductions", [FINE, COARSE])
@pytest.mark.parametrize("name", DECODERS)
def test_no_stretch_and_no_shift(name, reductions):
    decoder = built(DECODERS[name], reductions)
    assert stretch(decoder, reductions) < 1e-9
    assert shift(decoder, reductions) < 1e-9


class TestTheChecksSeeErrors:
    """They would be worth nothing otherwise."""

    def test_of_aligned_corners(self):
        decoder = built(DECODERS["deeplabv3plus"], FINE)
        decoder.fused.up.align_corners = True
        assert stretch(decoder, FINE) > 1e-3

    def test_of_half_a_pixel(self):
        decoder = built(DECODERS["deconv"], FINE)
        decoder.blocks[0][0] = nn.ConvTranspose2d(6, 8, 3, 2, 1, output_padding=1, bias=False).double()
        assert shift(decoder, FINE) > 0.05


COMPACT = partial(CompactBackbone, (16, 32, 64), (0, 0, 0))
# its stride-2 convolutions with odd kernels are half a pixel off at every level, which the network learns
ODD_KERNELS = partial(TimmBackbone, "test_resnet", pretrained=False, out_indices=(0, 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "decoder"),
    [
        pytest.param(COMPACT, UNetDecoder, id="unet"),
        pytest.param(COMPACT, partial(DeconvDecoder, widths=(64, 32, 32), dropout=0.0), id="deconv"),
        pytest.param(COMPACT, partial(UNetPlusPlusDecoder, widths=(16, 32)), id="unetplusplus"),
        pytest.param(COMPACT, partial(FPNDecoder, width=32), id="fpn"),
        pytest.param(COMPACT, partial(DeepLabV3PlusDecoder, width=32, dropout=0.0), id="deeplabv3plus"),
        pytest.param(ODD_KERNELS, UNetDecoder, id="odd kernels"),
    ],
)
def test_blobs_at_fractions_of_a_pixel_are_learnt_there(backbone, decoder):
    """In the middle and at the border; a network that shifts its output cannot do this after so few steps."""
    torch.manual_seed(0)
    middle, border = [[20.3, 33.6], [40.7, 12.2], [44.5, 44.5]], [[3.2, 60.4], [59.8, 4.7], [9.4, 6.1], [60.2, 58.9]]
    places = torch.tensor([middle + border])
    labels, pitch = torch.zeros(places.shape[:2], dtype=torch.int64), torch.ones(places.shape[:2])
    codec = GaussianCodec(sigma=2.0, threshold=0.1)
    images = codec.encode(places, labels, pitch, (64, 64), 1, 1).expand(-1, 3, -1, -1)
    network = Network(backbone(), decoder, {"heatmap": 1})
    target = codec.encode(places, labels, pitch, network.map_size(64, 64), network.stride, 1)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(300):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(images)["heatmap"], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        found = codec.decode(network(images)["heatmap"].sigmoid(), network.stride)[0]
    assert len(found.points) == places.shape[1]
    assert torch.cdist(places[0], found.points).min(dim=1).values.max() < 0.3

from functools import partial

import pytest
import torch

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.compact import CompactBackbone
from cellmark.models.deconv import DeconvDecoder
from cellmark.models.network import Network
from cellmark.models.timm_backbone import TimmBackbone
from cellmark.models.unet import UNetDecoder

from .contract import NetworkContract

HEADS = {"heatmap": 2}


class TestCompactUNet(NetworkContract):
    stride = 2

    def build(self):
        return Network(CompactBackbone(), UNetDecoder, HEADS)


class TestReport(NetworkContract):
    stride = 1

    def build(self):
        return Network(TimmBackbone("resnet18", pretrained=False), DeconvDecoder, HEADS)


class TestTimmUNet(NetworkContract):
    stride = 2

    def build(self):
        return Network(TimmBackbone("mobilenetv3_small_050", pretrained=False), UNetDecoder, HEADS)


def test_compact_unet_has_about_two_million_parameters():
    network = Network(CompactBackbone(), UNetDecoder, HEADS)
    assert 1.5e6 < sum(p.numel() for p in network.parameters()) < 3e6


def test_the_reports_layers():
    decoder = DeconvDecoder([512], [32])
    kinds = [[type(layer).__name__ for layer in block] for block in decoder.blocks]
    assert [("Dropout2d" in block) for block in kinds] == [True, True, True, False, False]
    assert [block[0].out_channels for block in decoder.blocks] == [256, 128, 64, 32, 16]


def test_impossible_pairs_name_both_sides():
    shallow = CompactBackbone((8, 8), (0, 0))
    with pytest.raises(ValueError, match=r"decoder DeconvDecoder on backbone CompactBackbone: 5 doublings"):
        Network(shallow, DeconvDecoder, HEADS)
    vit_like = CompactBackbone((8, 8), (0, 0))
    vit_like.reductions = [16, 16]
    with pytest.raises(ValueError, match="decoder UNetDecoder on backbone CompactBackbone: needs maps at doubling"):
        Network(vit_like, partial(UNetDecoder), HEADS)
    with pytest.raises(ValueError, match="one length"):
        CompactBackbone((8, 8), (0,))


@pytest.mark.slow
@pytest.mark.parametrize("decoder", [UNetDecoder, partial(DeconvDecoder, widths=(64, 32, 32), dropout=0.0)])
def test_one_blob_at_a_fraction_of_a_pixel_is_learnt_there(decoder):
    """A network that shifts its output by half a pixel cannot do this after so few steps at every place."""
    torch.manual_seed(0)
    places = torch.tensor([[[20.3, 33.6]], [[40.7, 12.2]], [[9.4, 50.1]], [[30.5, 30.5]]])
    codec, labels = GaussianCodec(sigma=2.0, threshold=0.1), torch.zeros(4, 1, dtype=torch.int64)
    images = codec.encode(places, labels, torch.ones(4, 1), (64, 64), 1, 1).expand(-1, 3, -1, -1)
    network = Network(CompactBackbone((16, 32, 64), (0, 0, 0)), decoder, {"heatmap": 1})
    target = codec.encode(places, labels, torch.ones(4, 1), network.map_size(64, 64), network.stride, 1)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(400):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(images)["heatmap"], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        peaks = codec.decode(network(images)["heatmap"].sigmoid(), network.stride)
    for found, place in zip(peaks, places, strict=True):
        assert torch.dist(found.points[0], place[0]) < 0.3

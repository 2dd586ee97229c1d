from functools import partial

import pytest

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


def test_the_default_network_keeps_the_names_of_its_weights():
    """Checkpoints are loaded by these names: whoever changes one makes every trained network unreadable."""
    names = {key.rsplit(".", 1)[0] for key in Network(CompactBackbone(), UNetDecoder, HEADS).decoder.state_dict()}
    expected = {f"{part}.{level}.{layer}" for part in ("narrow", "merge") for level in range(4) for layer in (0, 1)}
    assert names == expected


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


def test_an_empty_head_is_refused():
    with pytest.raises(ValueError, match="embedding must have at least 1 channel"):
        Network(CompactBackbone((8, 8), (0, 0)), UNetDecoder, HEADS | {"embedding": 0})

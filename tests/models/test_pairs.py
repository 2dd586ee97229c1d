"""Every backbone with every decoder that can be chosen, built from the configs."""

import re
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.models.network import Network

from .contract import NetworkContract

CONF = Path(__file__).parents[2] / "conf"
BACKBONES = sorted(path.stem for path in (CONF / "backbone").glob("*.yaml"))
DECODERS = sorted(path.stem for path in (CONF / "decoder").glob("*.yaml"))
HEADS = {"heatmap": 2}
STRIDES = {"deconv": 1}  # the others: 2
# HRNet makes its maps side by side at the very end: what makes a map that a decoder does not read learns nothing
# (of the classifier's layers the ones for that map, of the last exchange between the maps those that lead to it).
# Of all the others each map is made from the finer one, and all layers learn.
WITHOUT_USE = {
    ("hrnet_w18", "deconv"): r"backbone\.model\.(incre_modules\.[012]|stage4\.2\.fuse_layers\.[012])\.",
    ("hrnet_w18", "deeplabv3plus"): r"backbone\.model\.(incre_modules\.[12]|stage4\.2\.fuse_layers\.[12])\.",
}


def backbone_of(name):
    config = OmegaConf.load(CONF / "backbone" / f"{name}.yaml")
    if "pretrained" in config:
        config.pretrained = False
    return instantiate(config)


def decoder_of(name):
    return instantiate(OmegaConf.load(CONF / "decoder" / f"{name}.yaml"))


def test_the_choices():
    assert set(BACKBONES) >= {"compact", "resnet18", "resnet34", "resnet50", "hrnet_w18", "efficientnet_b0"}
    assert set(BACKBONES) >= {"mobilenetv3", "convnext_tiny", "pvt_v2_b0"}
    assert set(DECODERS) >= {"deconv", "unet", "unetplusplus", "fpn", "deeplabv3plus"}


@pytest.fixture(scope="module")
def backbone(request):
    """One of each is enough for all decoders."""
    torch.manual_seed(0)
    return backbone_of(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("backbone", BACKBONES, indirect=True, scope="module")
def test_every_pair_works(backbone, decoder, request):
    name = request.node.callspec.params["backbone"]
    network = Network(backbone, decoder_of(decoder), HEADS)
    assert network.stride == STRIDES.get(decoder, 2)
    with torch.inference_mode():
        heatmap = network.eval()(torch.rand(1, 3, 33, 65))["heatmap"]
    assert heatmap.shape == (1, 2, *network.map_size(33, 65)) and torch.isfinite(heatmap).all()
    network.train().zero_grad(set_to_none=True)
    network(torch.rand(2, 3, 64, 64))["heatmap"].square().mean().backward()
    idle = [key for key, p in network.named_parameters() if p.grad is None]
    pattern = WITHOUT_USE.get((name, decoder))
    assert bool(idle) == bool(pattern)
    assert [key for key in idle if not re.match(pattern, key)] == []


class UNetContract(NetworkContract):
    """Each backbone, complete, on the default decoder."""

    stride = 2
    backbone: str

    def build(self):
        return Network(backbone_of(self.backbone), decoder_of("unet"), HEADS)


class TestResNet18(UNetContract):
    backbone = "resnet18"


@pytest.mark.slow
class TestResNet34(UNetContract):
    backbone = "resnet34"


@pytest.mark.slow
class TestResNet50(UNetContract):
    backbone = "resnet50"


@pytest.mark.slow
class TestHRNet(UNetContract):
    backbone = "hrnet_w18"


class TestEfficientNet(UNetContract):
    backbone = "efficientnet_b0"


class TestMobileNetV3(UNetContract):
    backbone = "mobilenetv3"


@pytest.mark.slow
class TestConvNeXt(UNetContract):
    backbone = "convnext_tiny"


class TestPyramidVisionTransformer(UNetContract):
    backbone = "pvt_v2_b0"

import logging

import pytest
import torch

from cellmark.errors import CellmarkError
from cellmark.models import timm_backbone
from cellmark.models.timm_backbone import TimmBackbone


@pytest.fixture
def offline(monkeypatch):
    """timm without network and without cache."""
    create = timm_backbone.timm.create_model

    def refuse(name, pretrained=False, **options):
        if pretrained:
            raise OSError("no route to host")
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm_backbone.timm, "create_model", refuse)


@pytest.mark.parametrize("name", ["resnet34", "hrnet_w18_small", "efficientnet_b0", "convnext_atto"])
def test_any_model_with_several_scales(name):
    backbone = TimmBackbone(name, pretrained=False).eval()
    with torch.inference_mode():
        shapes = [feature.shape for feature in backbone(torch.rand(1, 3, 128, 64))]
    assert shapes == [(1, c, 128 // r, 64 // r) for c, r in zip(backbone.channels, backbone.reductions, strict=True)]
    assert len(backbone.channels) == len(backbone.reductions) >= 4
    assert backbone.reductions == sorted(backbone.reductions)


def test_out_indices_choose_levels():
    assert TimmBackbone("resnet18", pretrained=False, out_indices=(1, 2)).reductions == [4, 8]


def test_options_reach_the_model():
    dilated = TimmBackbone("test_resnet", pretrained=False, options={"output_stride": 16})
    assert dilated.reductions == [2, 4, 8, 16, 16]
    plain = TimmBackbone("vit_tiny_patch16_224", pretrained=False, options={"dynamic_img_size": True, "depth": 3})
    assert plain.reductions == [16, 16, 16] and plain.name == "vit_tiny_patch16_224"


def test_unknown_options_are_refused():
    with pytest.raises(CellmarkError, match=r"'resnet18': the model does not take these options .*no_such_option"):
        TimmBackbone("resnet18", pretrained=False, options={"no_such_option": 1})


def test_unknown_names_are_refused_with_near_ones():
    with pytest.raises(CellmarkError, match=r"'resnet19': timm has no model.*resnet18"):
        TimmBackbone("resnet19", pretrained=False)


def test_models_without_scales_are_refused(monkeypatch):
    def refuse(name, **options):
        raise RuntimeError("features_only not implemented")

    monkeypatch.setattr(timm_backbone.timm, "create_model", refuse)
    with pytest.raises(CellmarkError, match="no multi-scale features"):
        TimmBackbone("mixer_s32_224", pretrained=False)


def test_models_of_one_size_are_refused():
    with pytest.raises(CellmarkError, match="does not take pictures of any size"):
        TimmBackbone("swin_tiny_patch4_window7_224", pretrained=False)


def test_without_weights_it_warns_and_goes_on(offline, caplog):
    with caplog.at_level(logging.WARNING):
        TimmBackbone("resnet18", pretrained=True)
    assert "random ones are used" in caplog.text and "no route to host" in caplog.text


def test_required_weights_are_an_error(offline):
    with pytest.raises(CellmarkError, match="pretrained weights cannot be had"):
        TimmBackbone("resnet18", pretrained="required")


def test_pretrained_is_checked():
    with pytest.raises(CellmarkError, match="must be true, false or required"):
        TimmBackbone("resnet18", pretrained="maybe")

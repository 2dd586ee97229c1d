"""Several losses as one, and the presets of ``conf/loss``."""

import math

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.errors import CellmarkError
from cellmark.losses.associative_embedding import AssociativeEmbeddingLoss
from cellmark.losses.contrast import ContrastLoss
from cellmark.losses.focal import FocalLoss
from cellmark.losses.maps import Maps
from cellmark.losses.mse import MSELoss
from cellmark.losses.weighted_sum import WeightedSum
from tests.cli.test_main import composed
from tests.losses.truth import targets

PRESETS = {
    "mse": {"mse": 1.0},
    "mse_focal": {"mse": 1.0, "focal": 0.5},
    "mse_focal_contrast": {"mse": 1.0, "focal": 0.5, "push": 0.3, "pull": 0.2},
    "penalty_reduced_focal": {"penalty_reduced_focal": 1.0},
    "penalty_reduced_focal_embedding": {
        "penalty_reduced_focal": 1.0,
        "embedding_push": 0.1,
        "embedding_pull": 0.1,
    },
}


def both():
    generator = torch.Generator().manual_seed(0)
    logits, heatmap = torch.randn(2, 2, 8, 8, generator=generator), torch.rand(2, 2, 8, 8, generator=generator)
    return {"heatmap": logits.requires_grad_(), "embedding": torch.rand(2, 1, 8, 8, generator=generator)}, targets(
        heatmap
    )


def parts():
    return {"a": MSELoss(), "b": ContrastLoss(push=0.3, pull=0.2), "c": AssociativeEmbeddingLoss(0.1, 0.4)}


def test_sums_what_the_losses_give_alone():
    outputs, truth = both()
    weights = {"a": 2.0, "b": 0.5, "c": 3.0}
    loss = WeightedSum(parts(), weights)
    expected = sum(weights[name] * part(outputs, truth) for name, part in parts().items())
    assert torch.allclose(loss(outputs, truth), expected)
    assert set(loss.needs) == {"heatmap", "embedding"}
    assert loss.weights == pytest.approx(
        {"mse": 2.0, "push": 0.15, "pull": 0.1, "embedding_push": 0.3, "embedding_pull": 1.2}
    )
    assert list(loss.terms(outputs, truth)) == list(loss.weights)


def test_gradient_is_that_of_the_losses_alone():
    outputs, truth = both()
    losses = {"mse": MSELoss(), "focal": FocalLoss(), "contrast": ContrastLoss()}
    loss = WeightedSum(losses, {"mse": 1.0, "focal": 0.5, "contrast": 1.0})
    (together,) = torch.autograd.grad(loss(outputs, truth), outputs["heatmap"])
    alone = losses["mse"](outputs, truth) + 0.5 * losses["focal"](outputs, truth) + losses["contrast"](outputs, truth)
    assert torch.allclose(together, torch.autograd.grad(alone, outputs["heatmap"])[0], atol=1e-9)


def test_the_sigmoid_is_computed_once(monkeypatch):
    calls, sigmoid = [], torch.Tensor.sigmoid
    monkeypatch.setattr(torch.Tensor, "sigmoid", lambda tensor: calls.append(tensor) or sigmoid(tensor))
    outputs, truth = both()
    names = ("mse", "focal", "contrast")
    loss = WeightedSum(dict(zip(names, (MSELoss(), FocalLoss(), ContrastLoss()), strict=True)), dict.fromkeys(names, 1))
    maps = Maps.of(outputs)
    loss(maps, truth)
    assert len(calls) == 1 and Maps.of(maps) is maps and dict(maps) == outputs
    loss(outputs, truth)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("losses", "weights", "message"),
    [
        ({"a": MSELoss()}, {"a": 1, "b": 2}, r"losses \['a'\], and weights for \['a', 'b'\]"),
        ({"a": MSELoss(), "b": FocalLoss()}, {"a": 1}, r"losses \['a', 'b'\], and weights for \['a'\]"),
        ({}, {}, r"losses \[\]"),
        ({"a": MSELoss(), "b": MSELoss()}, {"a": 1, "b": 1}, "losses a and b both have a term mse"),
        ({"a": MSELoss()}, {"a": -1.0}, "a must be a number of at least 0, got -1.0"),
        ({"a": MSELoss()}, {"a": math.nan}, "a must be a number of at least 0, got nan"),
        ({"a": MSELoss()}, {"a": "much"}, "a must be a number of at least 0, got 'much'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(losses, weights, message):
    with pytest.raises(CellmarkError, match=message):
        WeightedSum(losses, weights)


@pytest.mark.parametrize(("preset", "weights"), PRESETS.items())
def test_presets_carry_the_weights_of_the_report(preset, weights):
    config = composed("train", f"loss={preset}", "data.root=x")
    loss = instantiate(config.loss)
    assert loss.weights == pytest.approx(weights)
    heads = OmegaConf.to_container(config.model, resolve=True)["heads"]
    assert heads == {"heatmap": 2} | ({"embedding": 1} if "embedding" in preset else {})
    assert set(loss.needs) <= set(heads)
    outputs, truth = both()
    loss(outputs, truth).backward()
    assert torch.isfinite(outputs["heatmap"].grad).all()


def test_the_weight_of_a_preset_can_be_set():
    config = composed("train", "loss=mse_focal", "loss.weights.focal=0.7", "data.root=x")
    assert instantiate(config.loss).weights == {"mse": 1.0, "focal": 0.7}

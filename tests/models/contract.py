"""What every network must do. A new part's test is a subclass that says how to build it."""

import math

import pytest
import torch

from cellmark.models.network import Network


class NetworkContract:
    """Subclass it, and give ``build``."""

    stride: int

    def build(self) -> Network:
        raise NotImplementedError

    @pytest.fixture
    def network(self) -> Network:
        torch.manual_seed(0)
        return self.build().eval()

    @pytest.mark.parametrize("size", [(64, 64), (65, 97), (33, 128)])
    def test_any_size(self, network, size):
        with torch.inference_mode():
            maps = network(torch.rand(1, 3, *size))
        expected = (math.ceil(size[0] / self.stride), math.ceil(size[1] / self.stride))
        assert maps["heatmap"].shape == (1, 2, *expected) and network.map_size(*size) == expected
        assert torch.isfinite(maps["heatmap"]).all()

    def test_stride_is_told_truthfully(self, network):
        assert network.stride == self.stride

    def test_every_weight_learns(self, network):
        network.train()
        network(torch.rand(2, 3, 64, 64))["heatmap"].square().mean().backward()
        frozen = [name for name, p in network.named_parameters() if p.grad is None]
        network.eval().zero_grad()
        assert not frozen

    def test_trains_on_one_image(self, network):
        network.train()
        network(torch.rand(1, 3, 64, 64))["heatmap"].square().mean().backward()
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        network.eval().zero_grad()
        assert all(torch.isfinite(gradient).all() for gradient in gradients)

    def test_save_and_load(self, network, tmp_path):
        torch.save(network.state_dict(), tmp_path / "weights.pt")
        other = self.build().eval()
        other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        images = torch.rand(1, 3, 64, 64)
        with torch.inference_mode():
            assert torch.equal(network(images)["heatmap"], other(images)["heatmap"])

    def test_starts_from_the_prior(self, network):
        with torch.inference_mode():
            assert network(torch.rand(1, 3, 64, 64))["heatmap"].sigmoid().mean() < 0.15

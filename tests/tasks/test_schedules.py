import pytest
import torch

from cellmark.errors import CellmarkError
from cellmark.tasks.schedules import one_cycle, plateau


def optimizer():
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)


def test_plateau_lowers_the_rate_after_patience():
    sgd = optimizer()
    schedule = plateau(sgd, total_steps=9, monitor="val/mse", mode="min", factor=0.5, patience=2)
    assert schedule["monitor"] == "val/mse"
    rates = []
    for value in (3.0, 2.0, 2.0, 2.0, 2.0):
        schedule["scheduler"].step(value)
        rates.append(sgd.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.005])


def test_one_cycle_rises_to_the_rate_and_ends_near_nothing():
    adam = optimizer()
    schedule = one_cycle(adam, total_steps=100, monitor="val/mse", mode="min", warmup=0.3)
    assert schedule["interval"] == "step"
    rates = []
    for _ in range(99):
        adam.step()
        schedule["scheduler"].step()
        rates.append(adam.param_groups[0]["lr"])
    assert max(rates) == pytest.approx(0.01) and 25 <= rates.index(max(rates)) <= 30
    assert rates[-1] < 1e-5


def test_one_cycle_needs_an_end():
    with pytest.raises(CellmarkError, match=r"set trainer\.max_epochs"):
        one_cycle(optimizer(), total_steps=float("inf"), monitor="val/mse", mode="min")


@pytest.mark.parametrize("total", [1, 2, 3, 4, 5, 9, 10])
def test_one_cycle_on_a_handful_of_steps(total):
    adam = optimizer()
    schedule = one_cycle(adam, total_steps=total, monitor="val/mse", mode="min", warmup=0.2)["scheduler"]
    rates = [adam.param_groups[0]["lr"]]
    for _ in range(total - 1):
        adam.step()
        schedule.step()
        rates.append(adam.param_groups[0]["lr"])
    assert all(0 < rate <= 0.01 for rate in rates) and rates[-1] < 1e-5
    assert total < 3 or max(rates) == pytest.approx(0.01)

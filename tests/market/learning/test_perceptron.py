"""Stacked perceptrons: gradients against finite differences, Adam by its definition, users apart from each other."""

from __future__ import annotations

import numpy as np
import pytest

from market.learning.perceptron import (
    ADAM_EPSILON,
    adam_of,
    backward,
    copy_of,
    draw_perceptrons,
    forward,
    forward_all,
    parameters_of,
    perceptrons,
    step,
)

SIZES = (6, 24, 24, 3)


def doubles(sizes, users, seed=0):
    """In double precision, so that differences say something."""
    drawn = draw_perceptrons(sizes, users, np.random.default_rng(seed))
    return perceptrons(sizes, drawn.flat.astype(np.float64))


def test_the_thesis_s_net_has_843_parameters():
    assert parameters_of(SIZES) == 843


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_finite_differences(masked):
    nets, chance = doubles((4, 7, 5, 3), 2), np.random.default_rng(1)
    nets.flat[...] += chance.normal(0, 0.1, nets.flat.shape)
    inputs, goal = chance.normal(size=(2, 9, 4)), chance.normal(size=(2, 9, 3))
    masks = [chance.integers(0, 2, (2, 9, width)) * 2.0 for width in (7, 5)] if masked else None

    def loss() -> np.ndarray:
        return ((forward_all(nets, inputs, masks)[-1] - goal) ** 2).sum(axis=(1, 2))

    layers = forward_all(nets, inputs, masks)
    found = backward(nets, layers, 2 * (layers[-1] - goal), masks)
    for parameter in range(nets.flat.shape[1]):
        kept = nets.flat[:, parameter].copy()
        nets.flat[:, parameter] = kept + 1e-6
        above = loss()
        nets.flat[:, parameter] = kept - 1e-6
        slope = (above - loss()) / 2e-6
        nets.flat[:, parameter] = kept
        assert found[:, parameter] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_hidden_layers_are_relu_and_the_last_is_linear():
    nets = perceptrons((1, 1, 1), np.array([[1.0, 0.0, -2.0, 1.0]]))
    out = forward(nets, np.array([[[-3.0], [3.0]]]))
    assert out.tolist() == [[[1.0], [-5.0]]]


def test_adam_is_as_defined():
    nets = perceptrons((1, 1), np.array([[0.5, 0.25]]))
    adam, first, second, value = adam_of(nets, 0.01), 0.0, 0.0, 0.5
    for number, slope in enumerate((1.0, -2.0, 0.5), 1):
        step(nets, adam, np.array([[slope, 0.0]]))
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        mean, spread = first / (1 - 0.9**number), second / (1 - 0.999**number)
        value -= 0.01 * mean / (np.sqrt(spread) + ADAM_EPSILON)
        assert nets.flat[0] == pytest.approx([value, 0.25], rel=1e-12)


def test_users_learn_as_if_each_were_alone():
    together, alone = doubles(SIZES, 3), doubles(SIZES, 3)
    alone = perceptrons(SIZES, alone.flat[1:2].copy())
    chance = np.random.default_rng(4)
    one, other = adam_of(together, 1e-3), adam_of(alone, 1e-3)
    for _ in range(20):
        inputs, goal = chance.normal(size=(3, 8, 6)), chance.normal(size=(3, 8, 3))
        for nets, adam, part in ((together, one, slice(0, 3)), (alone, other, slice(1, 2))):
            layers = forward_all(nets, inputs[part])
            step(nets, adam, backward(nets, layers, layers[-1] - goal[part]))
    assert together.flat[1] == pytest.approx(alone.flat[0], rel=1e-9, abs=1e-12)


def test_xavier_s_law():
    nets = draw_perceptrons((200, 300, 3), 2, np.random.default_rng(0))
    assert nets.weights[0].std() == pytest.approx(np.sqrt(2 / 500), rel=0.02)
    assert not any(bias.any() for bias in nets.biases)
    wider = draw_perceptrons((200, 300, 3), 2, np.random.default_rng(0), gain=2.0)
    assert wider.weights[0].std() == pytest.approx(np.sqrt(4 / 500), rel=0.02)


def test_a_net_fits_what_it_is_shown():
    nets, chance = draw_perceptrons((2, 24, 24, 1), 2, np.random.default_rng(0)), np.random.default_rng(1)
    adam = adam_of(nets, 3e-3)
    inputs = chance.random((2, 96, 2), dtype=np.float32)
    goal = inputs[..., :1] * inputs[..., 1:]
    for _ in range(600):
        layers = forward_all(nets, inputs)
        step(nets, adam, backward(nets, layers, (layers[-1] - goal) / 48))
    assert np.abs(forward(nets, inputs) - goal).mean() < 0.02


def test_a_copy_stands_on_its_own():
    nets = draw_perceptrons(SIZES, 1, np.random.default_rng(0))
    other = copy_of(nets)
    nets.weights[0][...] = 0
    assert other.weights[0].any()


def test_parameters_that_do_not_fit_are_refused():
    with pytest.raises(AssertionError, match="843 are needed"):
        perceptrons(SIZES, np.zeros((1, 800)))

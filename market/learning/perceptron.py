"""Small multilayer perceptrons, one for each user, trained together: forwards, backwards, and Adam. numpy only.

All parameters of a user stand in one row, and the layers are views of it, so that Adam is a few operations over one
array and 20 users cost little more than one. Every array has the users first: inputs and outputs are users x batch x
width. Hidden layers are ReLU, the last is linear; a softmax is the caller's, who hands back the gradient by outputs.
The same seed gives the same bits on the same machine and numpy; other processors may round a product differently.
Reference: Glorot and Bengio 2010 (Xavier), Kingma and Ba 2015 (Adam); 003 3.6.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating[Any]]

WIDTH = np.float32
"""Half the bytes of a double, and twice the speed; targets are noisier than its last bit."""

ADAM_FIRST, ADAM_SECOND, ADAM_EPSILON = 0.9, 0.999, 1e-7
"""Keras's, which the thesis does not change."""


PIECE = 96
"""Rows at once: with 24 x 24 weights OpenBLAS uses threads from 114 rows on, and where others compute, waiting for them
takes longer than the product. Batches are best kept below that."""


@dataclass(frozen=True, slots=True)
class Perceptrons:
    """`flat` is users x parameters; `weights[k]` (users x in x out) and `biases[k]` (users x 1 x out) are views."""

    sizes: tuple[int, ...]
    flat: Reals
    weights: tuple[Reals, ...]
    biases: tuple[Reals, ...]

    @property
    def users(self) -> int:
        return len(self.flat)


@dataclass(slots=True)
class Adam:
    """The moments of one stack, and how many steps were made."""

    rate: float
    first: Reals
    second: Reals
    steps: int = 0


def parameters_of(sizes: Sequence[int]) -> int:
    """How many a perceptron of those widths has; 843 for 6, 24, 24, 3."""
    return sum(into * out + out for into, out in pairwise(sizes))


def perceptrons(sizes: Sequence[int], flat: Reals) -> Perceptrons:
    """Views of `flat`, users x `parameters_of(sizes)`."""
    needed = parameters_of(sizes)
    assert flat.shape[1] == needed, f"{flat.shape[1]} parameters, where {needed} are needed"
    users, start = len(flat), 0
    weights, biases = list[Reals](), list[Reals]()
    for into, out in pairwise(sizes):
        weights.append(flat[:, start : start + into * out].reshape(users, into, out))
        start += into * out
        biases.append(flat[:, start : start + out].reshape(users, 1, out))
        start += out
    return Perceptrons(tuple(sizes), flat, tuple(weights), tuple(biases))


def draw_perceptrons(
    sizes: Sequence[int], users: int, chance: np.random.Generator, gain: float = 1.0
) -> Perceptrons:
    """Xavier's normal law, no bias; a `gain` of 2 is He's, with the fan's mean where He has the inputs."""
    nets = perceptrons(sizes, np.zeros((users, parameters_of(sizes)), dtype=WIDTH))
    for weight in nets.weights:
        _, into, out = weight.shape
        deviation = np.sqrt(gain * 2.0 / (into + out))
        weight[...] = chance.normal(0.0, deviation, weight.shape)
    return nets


def copy_of(nets: Perceptrons) -> Perceptrons:
    """The same values in an array of its own."""
    return perceptrons(nets.sizes, nets.flat.copy())


def forward(nets: Perceptrons, inputs: Reals) -> Reals:
    """Users x batch x outputs."""
    pieces = range(0, inputs.shape[1], PIECE)
    return np.concatenate(
        [forward_all(nets, inputs[:, start : start + PIECE])[-1] for start in pieces], axis=1
    )


def forward_all(nets: Perceptrons, inputs: Reals, masks: Sequence[Reals] | None = None) -> list[Reals]:
    """What each layer gives, beginning with the inputs. `masks`, one for each hidden layer, are multiplied onto it:
    dropout, scaled by the caller.
    """
    layers, last = [inputs], len(nets.weights) - 1
    for number, (weight, bias) in enumerate(zip(nets.weights, nets.biases, strict=True)):
        out = np.matmul(layers[-1], weight)
        out += bias
        if number < last:
            np.maximum(out, 0, out=out)
            if masks is not None:
                out *= masks[number]
        layers.append(out)
    return layers


def backward(
    nets: Perceptrons,
    layers: Sequence[Reals],
    by_output: Reals,
    masks: Sequence[Reals] | None = None,
    into: Perceptrons | None = None,
) -> Reals:
    """The gradient by all parameters, as `flat`, from that by the outputs; `layers` as `forward_all` gave them. `into`
    is overwritten with it, where many are made.
    """
    into = into or perceptrons(nets.sizes, np.empty_like(nets.flat))
    slope = by_output
    for number in range(len(nets.weights) - 1, -1, -1):
        below = layers[number]
        np.matmul(below.transpose(0, 2, 1), slope, out=into.weights[number])
        np.sum(slope, axis=1, keepdims=True, out=into.biases[number])
        if number:
            slope = np.matmul(slope, nets.weights[number].transpose(0, 2, 1))
            slope *= below > 0
            if masks is not None:
                slope *= masks[number - 1]
    return into.flat


def adam_of(nets: Perceptrons, rate: float) -> Adam:
    """Before the first step."""
    return Adam(rate, np.zeros_like(nets.flat), np.zeros_like(nets.flat))


def step(nets: Perceptrons, adam: Adam, gradient: Reals) -> None:
    """One step of Adam down the gradient, which it overwrites."""
    adam.steps += 1
    adam.first *= ADAM_FIRST
    adam.first += (1 - ADAM_FIRST) * gradient
    np.square(gradient, out=gradient)
    gradient *= 1 - ADAM_SECOND
    adam.second *= ADAM_SECOND
    adam.second += gradient
    unbiased = np.sqrt(1 - ADAM_SECOND**adam.steps)
    np.sqrt(adam.second, out=gradient)
    gradient += ADAM_EPSILON * unbiased
    np.divide(adam.first, gradient, out=gradient)
    gradient *= adam.rate * unbiased / (1 - ADAM_FIRST**adam.steps)
    nets.flat[...] -= gradient

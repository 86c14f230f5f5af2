#!/usr/bin/env python3
"""Writes golden.bin beside this file: activations of two networks by numpy, for the test `golden.rs`.

Parameters follow a formula that is exact in single precision, inputs are the first rows of ../data/digits.bin, so only the
activations are kept: for the dense network 64-128-64-10 all layers for five rows, for the convolutional one (3 x 3, four
filters, mean, ten outputs) all layers for two rows; layer by layer, little-endian f32.

    pip install numpy && engine/nam/tests/golden.py
"""
import pathlib

import numpy

here = pathlib.Path(__file__).resolve().parent
rows = numpy.frombuffer((here / "../data/digits.bin").read_bytes(), numpy.uint8).reshape(-1, 66)
pixels = rows[:, :64].astype(numpy.float32) / numpy.float32(16)


def parameters(count):
    index = numpy.arange(count, dtype=numpy.uint64)
    bits = (index * numpy.uint64(2654435761) % numpy.uint64(2**32)) >> numpy.uint64(8)
    return (bits.astype(numpy.float32) / numpy.float32(2**24) - numpy.float32(0.5)) * numpy.float32(0.25)


def dense(x, weights, bias, relu):
    y = x @ weights + bias
    return numpy.maximum(y, 0) if relu else y


def dense_network(x):
    values, at, out = parameters(64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10), 0, []
    for k, n, relu in ((64, 128, True), (128, 64, True), (64, 10, False)):
        weights, bias = values[at : at + k * n].reshape(k, n), values[at + k * n : at + (k + 1) * n]
        x = dense(x, weights, bias, relu)
        out.append(x)
        at += (k + 1) * n
    return out


def convolutional_network(x):
    values = parameters(9 * 4 + 4 + 4 * 10 + 10)
    weights, bias = values[:36].reshape(3, 3, 1, 4), values[36:40]
    padded = numpy.pad(x.reshape(-1, 8, 8, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # row, y, x, channel, ky, kx
    maps = numpy.maximum(numpy.einsum("byxcij,ijcf->byxf", patches, weights, dtype=numpy.float32) + bias, 0)
    means = maps.mean(axis=(1, 2), dtype=numpy.float32)
    return [maps, means, dense(means, values[40:80].reshape(4, 10), values[80:], False)]


layers = dense_network(pixels[:5]) + convolutional_network(pixels[:2])
(here / "golden.bin").write_bytes(b"".join(layer.astype("<f4").tobytes() for layer in layers))

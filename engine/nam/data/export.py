#!/usr/bin/env python3
"""Writes the data sets in this folder from the installed packages scikit-learn and river. Run it only to check or renew
them: the library reads the files and needs no Python.

    pip install scikit-learn river && engine/nam/data/export.py [FOLDER]

Layouts are described in README.md beside this file; all numbers are little-endian.
"""
import pathlib
import sys

import numpy
from river import datasets
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split

folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent

digits = load_digits()
test = numpy.zeros(len(digits.target), numpy.uint8)
test[train_test_split(numpy.arange(len(test)), test_size=0.25, random_state=0)[1]] = 1
rows = numpy.column_stack([digits.data.astype(numpy.uint8), digits.target.astype(numpy.uint8), test])
(folder / "digits.bin").write_bytes(rows.tobytes())

cancer = load_breast_cancer()
fold = numpy.zeros(len(cancer.target), numpy.uint8)
for at, (_, members) in enumerate(StratifiedKFold(5, shuffle=True, random_state=42).split(cancer.data, cancer.target)):
    fold[members] = at
(folder / "breast_cancer.bin").write_bytes(
    cancer.data.astype("<f4").tobytes() + cancer.target.astype(numpy.uint8).tobytes() + fold.tobytes()
)

# All values are 0, 1/2 or 1: stored doubled.
stream = [[round(2 * value) for value in x.values()] + [int(y)] for x, y in datasets.Phishing()]
(folder / "phishing.bin").write_bytes(numpy.array(stream, numpy.uint8).tobytes())
print("phishing columns:", ", ".join(next(iter(datasets.Phishing()))[0]))
print("cancer columns:", ", ".join(cancer.feature_names))

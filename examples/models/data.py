"""The handwritten digits: their split, their files, and the two ways in which the examples disturb them."""

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
TRAIN_CSV = HERE / "digits-train.csv"
TEST_CSV = HERE / "digits-test.csv"

SIDE = 8
PIXELS = SIDE * SIDE
CLASSES = 10
MAX_PIXEL = 16
TEST_ROWS = 540
SPLIT_SEED = 7
HEADER = [f"p{i}" for i in range(PIXELS)] + ["label"]


def split():
    """Returns (train, test), integer arrays of shape [rows, 65] in shuffled order: 64 pixels 0..16, then the label."""
    digits = load_digits()
    rows = np.column_stack([digits.data, digits.target]).astype(np.int64)
    return train_test_split(rows, test_size=TEST_ROWS, stratify=digits.target, random_state=SPLIT_SEED)


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows.tolist())


def read_csv(path):
    """Returns (pixels, labels): integers of shape [rows, 64], 0..16, and [rows], 0..9."""
    with open(path, newline="", encoding="ascii") as file:
        reader = csv.reader(file)
        header = next(reader)
        if header != HEADER:
            raise ValueError(f"{path}: expected the header {HEADER[0]}..{HEADER[-2]},{HEADER[-1]}, got {','.join(header)[:60]}")
        rows = np.array([[int(cell) for cell in row] for row in reader])
    return rows[:, :PIXELS], rows[:, PIXELS]


def with_shifts(pixels, labels):
    """Adds to each image its four neighbours, moved by one pixel up, down, left and right: five times the rows."""
    images = pixels.reshape(-1, SIDE, SIDE)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    moves = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    moved = [padded[:, top : top + SIDE, left : left + SIDE].reshape(-1, PIXELS) for top, left in moves]
    return np.concatenate(moved), np.tile(labels, len(moves))


def dimmer_and_noisier(pixels, seed=SPLIT_SEED):
    """The input of a failing scanner: pixels * 0.6 + Gaussian noise of sigma 2, clipped to 0..16."""
    noise = np.random.default_rng(seed).normal(0.0, 2.0, pixels.shape)
    return np.clip(pixels * 0.6 + noise, 0, MAX_PIXEL).astype(np.float32)

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from lsr.training.soup import write_mean


def test_a_soup_is_the_mean_and_keeps_the_mask_exactly(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mask = random.random((8, 12)) < 0.3
    members = [(random.normal(size=(8, 12)) * mask).astype(np.float32) for _ in range(3)]
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for file, weight in zip(files, members, strict=True):
        save_file({"weight": weight}, file)

    write_mean(files, tmp_path / "soup.safetensors")

    found = load_file(tmp_path / "soup.safetensors")["weight"]
    np.testing.assert_allclose(found, np.mean(members, axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found == 0, ~mask)


def test_a_soup_of_one_is_itself(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    save_file({"weight": weight}, tmp_path / "one.safetensors")

    write_mean([tmp_path / "one.safetensors"], tmp_path / "soup.safetensors")

    np.testing.assert_array_equal(load_file(tmp_path / "soup.safetensors")["weight"], weight)

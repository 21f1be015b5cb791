from __future__ import annotations

import numpy as np
from PIL import Image

from tabgenbench_leaderboard.figures.files import with_palette


def test_each_colour_of_a_sign_is_kept_to_the_bit() -> None:
    level = np.add.outer(np.arange(300), np.arange(400)) % 750  # more shades of grey than a palette has places
    pixels = np.stack([level // 3, (level + 1) // 3, (level + 2) // 3], axis=-1).astype(np.uint8)
    pixels[::2] = 255
    rare = [(119, 17, 85), (165, 40, 120)]
    for i, colour in enumerate(rare):
        pixels[0, 20 * i : 20 * i + 10] = colour
    image = with_palette(Image.fromarray(pixels))
    kept = np.asarray(image.convert("RGB")).astype(int)
    np.testing.assert_array_equal(kept[::2], pixels[::2])
    assert np.abs(kept - pixels).max() <= 6  # of 255

"""Values of boxes as a picture."""

import numpy as np


def spread_over_boxes(values: np.ndarray, boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Spread each value over the pixels of its box, and average them where boxes overlap.

    A box counts inversely to the pixels that it covers, so that a small one stands out among large ones.
    The sums are made of differences at the four corners of each box, summed up once along both axes: the cost
    is that of the boxes' number plus that of the picture's area, not of their product.

    Args:
        values: ``(n,)`` numbers.
        boxes: ``(n, 4)`` x1, y1, x2, y2; every pixel that a box touches counts, what is outside is cut off.
        shape: rows and columns of the picture.

    Returns:
        ``shape`` float64; 0 where no box is.
    """
    rows, columns = shape
    x1, y1 = (np.clip(np.floor(boxes[:, i]), 0, n).astype(int) for i, n in ((0, columns), (1, rows)))
    x2, y2 = (np.clip(np.ceil(boxes[:, i]), 0, n).astype(int) for i, n in ((2, columns), (3, rows)))
    pixels = (x2 - x1).clip(0) * (y2 - y1).clip(0)
    inside = pixels > 0
    x1, y1, x2, y2, pixels = (part[inside] for part in (x1, y1, x2, y2, pixels))
    covering = _sums((x1, y1, x2, y2), 1 / pixels, shape)
    sums = _sums((x1, y1, x2, y2), values[inside].astype(np.float64) / pixels, shape)
    # Sums of differences leave a rest of 1e-16 of the largest sum.
    covered = covering > 1e-12 * covering.max(initial=0)
    return np.divide(sums, covering, out=np.zeros(shape), where=covered)


def _sums(corners: tuple[np.ndarray, ...], values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    x1, y1, x2, y2 = corners
    differences = np.zeros((shape[0] + 1, shape[1] + 1))
    for rows, columns, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        np.add.at(differences, (rows, columns), sign * values)
    return differences.cumsum(0).cumsum(1)[: shape[0], : shape[1]]

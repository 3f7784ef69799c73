"""Connected components over numbered rows."""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


def components(size: int, left: Ids, right: Ids) -> Ids:
    """Give each of `size` rows the smallest row that it is joined to, itself when it is alone.

    Minimum labels are passed along the edges until nothing changes, halving paths as they go.
    """
    labels = np.arange(size, dtype=np.int64)
    while len(left):
        low = np.minimum(labels[left], labels[right])
        before = labels.copy()
        np.minimum.at(labels, left, low)
        np.minimum.at(labels, right, low)
        np.minimum.at(labels, before[left], low)
        np.minimum.at(labels, before[right], low)
        labels = labels[labels]
        if np.array_equal(before, labels):
            break
    return labels

"""Initial weights of dense heads."""

from __future__ import annotations


def normal_init_cfg(output: str) -> dict:
    """Initialize all convolutions from a normal distribution with std 0.01, like RetinaNet (section 4.1 of
    its paper): class biases such that every anchor begins with a foreground probability of 0.01.

    Args:
        output: what the output layers are called, ``f_1_{output}`` for the first classifier.
    """
    classifiers = [
        dict(type='Normal', name=f'{branch}_{output}', std=0.01, bias_prob=0.01)
        for branch in ('f_1', 'f_2', 'f_mil')
    ]
    return dict(type='Normal', layer='Conv2d', std=0.01, override=classifiers)

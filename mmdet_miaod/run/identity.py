"""What a run must not change while it lasts."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class RunIdentity:
    """What a run must not change while it lasts.

    Attributes:
        config: the text of the config, without what may differ between two sittings (device, workers).
        pool_fingerprint: of the pool's image names.
        pool_size: number of images in the pool.
        seed: seed of everything.
    """

    config: str
    pool_fingerprint: str
    pool_size: int
    seed: int

    @property
    def config_sha256(self) -> str:
        return hashlib.sha256(self.config.encode()).hexdigest()

    def differences(self, other: RunIdentity) -> str:
        """Describe what is different in ``other``; empty when nothing is."""
        lines = [
            f'{name}: {ours} -> {theirs}'
            for name, ours, theirs in (
                ('seed', self.seed, other.seed),
                ('images in the pool', self.pool_size, other.pool_size),
                ('fingerprint of the pool', self.pool_fingerprint, other.pool_fingerprint),
            )
            if ours != theirs
        ]
        lines += difflib.unified_diff(
            self.config.splitlines(),
            other.config.splitlines(),
            'config of the run',
            'config now',
            lineterm='',
            n=1,
        )
        return '\n'.join(lines)

"""Measure what each GPU option gains and changes, see tools/benchmarks."""

import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tools._start import start

    start('tools.benchmarks.gpu_check')

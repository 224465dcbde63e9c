"""``miaod export`` of this checkout."""

import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tools._start import start

    start('mmdet_miaod.commands.export')

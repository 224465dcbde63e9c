"""Packaging of mmdet_miaod; requirements/mminstall.txt says why mmcv-full and mmdet are not required here."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    """The version from mmdet_miaod/version.py, without importing the package (which needs torch)."""
    text = (ROOT / 'mmdet_miaod' / 'version.py').read_text(encoding='utf-8')
    found = re.search(r"__version__ = '([^']+)'", text)
    if found is None:
        raise RuntimeError("mmdet_miaod/version.py has no line __version__ = '...'")
    return found.group(1)


def read_requirements(name: str, pinned: bool = True) -> list[str]:
    """Requirements of requirements/<name>.txt; with `pinned=False` their names alone.

    The pins are what scripts/setup_env.sh installs; a package that others may install next to theirs asks for
    less.
    """
    text = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8')
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith('#')]
    return lines if pinned else sorted({re.split(r'[=<>;\s]', line)[0] for line in lines})


setup(
    name='mmdet_miaod',
    version=read_version(),
    description='Multiple Instance Active Learning for Object Detection (MI-AOD) as an MMDetection plugin',
    license='Apache-2.0',
    packages=find_packages(include=['mmdet_miaod', 'mmdet_miaod.*']),
    package_data={'mmdet_miaod.visualization': ['*.html.j2', '*.css']},
    python_requires='>=3.10',
    install_requires=['numpy', 'torch', 'torchvision', *read_requirements('runtime', pinned=False)],
    extras_require={name: read_requirements(name) for name in ('tests', 'docs', 'optional')},
    zip_safe=False,
)

"""Packaging of mmdet_miaod; requirements/mminstall.txt says why mmcv-full and mmdet are not required here."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

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


class BuildWithConfigs(build_py):
    """Puts the configs into the wheel, where mmdet_miaod/cli/configs.py finds them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / 'mmdet_miaod' / '.mim' / 'configs'  # as in MMDetection's wheels
            ignored = shutil.ignore_patterns('__pycache__')
            shutil.copytree(ROOT / 'configs', target, ignore=ignored, dirs_exist_ok=True)


setup(
    name='mmdet_miaod',
    version=read_version(),
    description='Multiple Instance Active Learning for Object Detection (MI-AOD) as an MMDetection plugin',
    license='Apache-2.0',
    packages=find_packages(include=['mmdet_miaod', 'mmdet_miaod.*']),
    package_data={
        'mmdet_miaod.visualization': ['*.html.j2', '*.css'],
        'mmdet_miaod.annotation': ['*.html', '*.css', '*.js'],
    },
    cmdclass=dict(build_py=BuildWithConfigs),
    entry_points=dict(console_scripts=['miaod = mmdet_miaod.commands.__main__:main']),
    python_requires='>=3.10',
    install_requires=['numpy', 'torch', 'torchvision', *read_requirements('runtime', pinned=False)],
    extras_require={
        name: read_requirements(name) for name in ('cvat', 'export', 'label', 'tests', 'docs', 'optional')
    },
    zip_safe=False,
)

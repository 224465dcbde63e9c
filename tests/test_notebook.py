"""The tutorial as a notebook, with a kernel of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nbclient
import nbformat

from tests.tiny_run import REPOSITORY


def test_notebook_runs_from_top_to_bottom() -> None:
    notebook = nbformat.read(REPOSITORY / 'demo' / 'miaod_tutorial.ipynb', as_version=4)
    assert all(not cell.get('outputs') for cell in notebook.cells)
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH')])])
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name='python3',
        resources={'metadata': {'path': str(REPOSITORY / 'demo')}},
    )
    # The kernel shows plots in the notebook, whatever matplotlib is told elsewhere.
    environment = {name: value for name, value in os.environ.items() if name != 'MPLBACKEND'}
    commands = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    client.execute(env={**environment, 'PYTHONPATH': path, 'PATH': commands})
    pictures = [o for c in notebook.cells for o in c.get('outputs', []) if 'image/png' in o.get('data', {})]
    assert len(pictures) == 5
    folder = Path(notebook.cells[-1]['outputs'][0]['text'].strip())
    assert (folder / 'work_dirs' / 'notebook' / 'metrics.json').is_file()
    shutil.rmtree(folder)

"""The tutorial as a notebook, with a kernel of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nbclient
import nbformat

from tests.tiny_run import REPOSITORY


def kinds_of_outputs(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each cell shows: kinds of output, of pictures and values their media types."""
    return [
        [
            kind
            for output in cell.get('outputs', [])
            for kind in sorted(output.get('data', [output.output_type]))
        ]
        for cell in notebook.cells
    ]


def test_notebook_runs_from_top_to_bottom_and_shows_what_it_has_stored() -> None:
    notebook = nbformat.read(REPOSITORY / 'demo' / 'miaod_tutorial.ipynb', as_version=4)
    stored = kinds_of_outputs(notebook)
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
    assert kinds_of_outputs(notebook) == stored
    assert sum(kinds.count('image/png') for kinds in stored) == 5
    folder = Path(notebook.cells[-1]['outputs'][0]['text'].strip())
    assert (folder / 'work_dirs' / 'notebook' / 'metrics.json').is_file()
    shutil.rmtree(folder)

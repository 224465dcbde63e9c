"""A batch's folder: images, the files of an annotation tool, and the steps for a person."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ..run.file_record import DamagedFileError, FileRecord, verify
from ..run.files import link_file, make_directory, remove_file, write_text
from . import cvat, label_studio
from .batch import Batch, BatchImage, write_batch
from .coco_json import write_coco

IMAGES = 'images'
README = 'README.txt'

_STEPS = {
    'label-studio': """\
With Label Studio (https://labelstud.io; pip install label-studio):
  1. cd {folder}
     export LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true
     export LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT="$(dirname "$PWD")"
     label-studio start
  2. Create a project. Settings > Labeling Interface > Code: paste label_config.xml.
  3. Settings > Cloud Storage > Add Source Storage > Local files: the absolute path {folder}/images.
     Add it, but do not sync it: each image would become a second task.
  4. Import: tasks.json.
  5. Label every image. Nothing there: submit it without boxes. Cannot be labeled: skip it.
  6. Export in the format JSON (not JSON-MIN, COCO, YOLO or VOC).
""",
    'cvat': """\
With CVAT (https://www.cvat.ai):
  1. Create a task. Labels > Raw: paste labels.json. Select the files of images/.
     Advanced configuration > Sorting method: Predefined.
  2. Open the task > Actions > Upload annotations > CVAT 1.1: annotations.xml (none in a first batch).
  3. Label every image, and give it the tag "reviewed" where no box or each box is as proposed;
     cannot be labeled: the tag "skipped".
  4. Actions > Export task dataset > CVAT for images 1.1, without images.
""",
    'coco': """\
With any tool that reads and writes COCO:
  1. Load instances.json and images/. Keep the file names.
  2. Label every image. The format does not tell images without objects from images that nobody looked at:
     use --all-reviewed below, or list file names in the file: "reviewed": ["{example}", ...].
  3. Save as COCO (.json).
""",
}
_HEADING = """\
Batch {number} of run {run}: {count} images to label {purpose}.
Classes: {classes}

Without any tool: python tools/annotate.py label {run_directory}

"""
_END = """
Then: python tools/annotate.py import {run_directory} EXPORTED_FILE
Keep the names of the images: they tell which is which. manifest.json says what they were called.
"""
_PURPOSES = {'train': 'for the training of cycle {cycle}', 'test': 'as the test set'}


# By tool: the files that it reads, by name.
TOOLS: dict[str, Callable[[Batch, Path], dict[str, str]]] = {
    'label-studio': lambda batch, folder: {
        'tasks.json': label_studio.write_tasks(batch, f'{folder.name}/{IMAGES}'),
        'label_config.xml': label_studio.label_config(batch.classes),
    },
    'cvat': lambda batch, folder: {
        'annotations.xml': cvat.write_annotations(batch).decode(),
        'labels.json': cvat.write_labels(batch.classes),
    },
    'coco': lambda batch, folder: {'instances.json': write_coco(batch)},
}


def write_batch_folder(
    folder: Path,
    batch: Batch,
    sources: Mapping[str, Path],
    tool: str,
    heartbeat: Callable[[], None] = lambda: None,
) -> FileRecord:
    """Write the folder of a batch; it needs nothing outside of it. The manifest is written last.

    Args:
        folder: ``batches/<number>`` of the run directory.
        batch: what is asked.
        sources: the image files of the pool, by uid.
        tool: one of :data:`TOOLS`.
        heartbeat: called after each image.

    Returns:
        The record of the manifest.

    Raises:
        ValueError: when an image file changed since the batch was made.
    """
    make_directory(folder / IMAGES)
    for image in batch.images:
        _place_image(image, sources[image.uid], folder / IMAGES / image.file_name)
        heartbeat()
    own = {image.file_name for image in batch.images}
    for path in (folder / IMAGES).glob(f'b{batch.number}-*-*'):
        if path.name not in own and path.is_file():
            remove_file(path)  # of a batch that was never finished, for which others were chosen
    write_tool_files(folder, batch, tool)
    return write_batch(folder, batch)


def write_tool_files(folder: Path, batch: Batch, tool: str) -> list[Path]:
    """Write the files of an annotation tool, and the steps for it, into a batch's folder.

    Raises:
        ValueError: when there is no such tool, or it cannot have these classes.
    """
    if tool not in TOOLS:
        raise ValueError(f'annotation tool {tool!r}: choose one of {sorted(TOOLS)}')
    contents = {**TOOLS[tool](batch, folder), README: _readme(folder, batch, tool)}
    return [write_text(folder / name, text).path for name, text in contents.items()]


def _place_image(image: BatchImage, source: Path, target: Path) -> None:
    record = FileRecord(source, source.stat().st_size, image.sha256)
    try:
        verify(record)
    except DamagedFileError:
        raise ValueError(
            f'{source}: the image changed since the batch was made; put the old file back'
        ) from None
    if not target.exists() or not target.samefile(source):
        link_file(source.resolve(), target)  # a link to a symbolic link would lead nowhere from here


def _readme(folder: Path, batch: Batch, tool: str) -> str:
    folder = folder.resolve()
    values = dict(
        number=batch.number,
        run=batch.run,
        count=len(batch.images),
        purpose=_PURPOSES[batch.purpose].format(cycle=batch.cycle),
        classes=', '.join(batch.classes),
        folder=folder,
        run_directory=folder.parent.parent,
        example=batch.images[0].file_name,
    )
    return ''.join(text.format(**values) for text in (_HEADING, _STEPS[tool], _END))

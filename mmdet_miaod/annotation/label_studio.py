"""Label Studio's JSON: tasks with the model's boxes as predictions, and its export."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import quoteattr

from .batch import Batch, BatchImage, PreBox
from .found import FoundBox, FoundFile, FoundImage, ReviewState, base_name, finite_number

NAME = 'Label Studio JSON'
_BOX = 'rectanglelabels'
# Regions without a place in the image.
_NO_SHAPES = ('relation', 'choices', 'textarea', 'rating', 'number', 'datetime', 'taxonomy')
# A box may be drawn a little beyond its image.
_MAX_PERCENT = 101.0
# What Label Studio puts before the name of an uploaded file.
_UPLOAD_PREFIX = re.compile('[0-9a-f]{8}-')


def label_config(classes: Sequence[str]) -> str:
    """Return the labeling interface of a project: an image, and a box label for each class."""
    labels = ''.join(f'<Label value={quoteattr(name)}/>' for name in classes)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels></View>\n'
    )


def write_tasks(batch: Batch, folder: str) -> str:
    """Return the tasks of a batch as JSON, one per image.

    Args:
        batch: what is asked.
        folder: of the images, relative to the document root of Label Studio's local files, with slashes.
    """
    return json.dumps([_task(batch, image, folder) for image in batch.images], indent=1) + '\n'


def _task(batch: Batch, image: BatchImage, folder: str) -> dict[str, Any]:
    url = f'/data/local-files/?d={folder}/{image.file_name}'
    task: dict[str, Any] = dict(data=dict(image=url, uid=image.uid, acquisition=image.acquisition))
    if batch.model_sha256 is not None:
        # All boxes in one prediction: Label Studio shows one of several.
        result = [_region(image, box) for box in image.boxes]
        score = min((box.score for box in image.boxes), default=0.0)
        task['predictions'] = [dict(model_version=batch.model_sha256[:12], score=score, result=result)]
    return task


def _region(image: BatchImage, box: PreBox) -> dict[str, Any]:
    x1, y1, x2, y2 = box.corners
    value = dict(
        x=x1 / image.width * 100,
        y=y1 / image.height * 100,
        width=(x2 - x1) / image.width * 100,
        height=(y2 - y1) / image.height * 100,
        rotation=0,
    )
    return dict(
        id=box.id,
        type=_BOX,
        from_name='label',
        to_name='image',
        original_width=image.width,
        original_height=image.height,
        image_rotation=0,
        score=box.score,
        value={**value, _BOX: [box.name]},
    )


def read_tasks(content: Any) -> FoundFile:
    """Read an export in the format JSON.

    Args:
        content: of the file.

    Raises:
        ValueError: when it is another of Label Studio's formats, or malformed; the task is named.
    """
    if not isinstance(content, list):
        raise ValueError('is no export of Label Studio in the format JSON')
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for number, task in enumerate(content, 1):
        if not isinstance(task, Mapping) or not {'data', 'annotations'} <= task.keys():
            raise ValueError(
                f'task {number} has no "data" and "annotations": JSON_MIN and lists of tasks do not tell '
                'images without objects from images that nobody looked at; export in the format JSON'
            )
        tasks.setdefault(_image_name(task, number), []).append(task)
    # A task that a sync made twice counts as one, with the annotations of both.
    images = tuple(_read_image(name, same) for name, same in tasks.items())
    remarks = [f'{name}: {len(same)} tasks have this image' for name, same in tasks.items() if len(same) > 1]
    remarks += [f'{image.name}: {image.conflict}' for image in images if image.conflict]
    several = sum(len(task['annotations']) > 1 for task in content)
    if several:
        remarks.append(
            f'{several} images have several annotations; of each the newest submitted one is taken'
        )
    drafts = sum(bool(task.get('drafts')) and not task['annotations'] for task in content)
    if drafts:
        remarks.append(f'{drafts} images have drafts that were not submitted; they count as untouched')
    return FoundFile(NAME, images, remarks=tuple(remarks))


def _image_name(task: Mapping[str, Any], number: int) -> str:
    data = task['data']
    if not isinstance(data, Mapping) or not isinstance(data.get('image'), str):
        raise ValueError(f'task {number} has no image')
    address = urlsplit(data['image'])
    name = base_name(parse_qs(address.query).get('d', [address.path])[0])
    if '/upload/' in address.path:
        name = _UPLOAD_PREFIX.sub('', name, count=1)
    uid = data.get('uid', name)
    if name.partition('.')[0] != str(uid).partition('.')[0] and 'uid' in data:
        raise ValueError(f'task {number} has the uid {uid!r} and the image {name!r}: they belong together')
    return name


def _read_image(name: str, tasks: Sequence[Mapping[str, Any]]) -> FoundImage:
    annotations = [annotation for task in tasks for annotation in _annotations(name, task)]
    times = [_seconds(annotation) for annotation in annotations]
    seconds = sum(time for time in times if time is not None) if any(times) else None
    submitted = [annotation for annotation in annotations if not annotation.get('was_cancelled')]
    if not submitted:
        state = ReviewState.SKIPPED if annotations else ReviewState.UNTOUCHED
        return FoundImage(name, None, (), state, seconds)
    read = [_read_result(name, annotation['result']) for annotation in sorted(submitted, key=_age)]
    newest = read[-1]
    conflict = ''
    if any(set(other.boxes) != set(newest.boxes) for other in read):
        counts = ', '.join(str(len(other.boxes)) for other in read)
        conflict = f'{len(read)} annotations differ ({counts} boxes); the newest is taken'
    elif len(submitted) < len(annotations):
        conflict = 'somebody skipped it, somebody else labeled it; the labels are taken'
    return FoundImage(
        name, newest.size, newest.boxes, ReviewState.REVIEWED, seconds, newest.other_shapes, conflict
    )


def _annotations(name: str, task: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    annotations = task['annotations']
    if not isinstance(annotations, list):
        raise ValueError(f'image {name}: "annotations" is {str(annotations)[:60]!r}, no list')
    for annotation in annotations:
        if not isinstance(annotation, Mapping) or not isinstance(annotation.get('result'), list):
            raise ValueError(f'image {name}: an annotation has no list "result"; export them whole')
        if not isinstance(annotation.get('was_cancelled', False), bool):
            raise ValueError(f'image {name}: "was_cancelled" is {annotation["was_cancelled"]!r}')
        yield annotation


def _age(annotation: Mapping[str, Any]) -> tuple[datetime, float]:
    changed = annotation.get('updated_at') or annotation.get('created_at') or ''
    try:
        time = datetime.fromisoformat(str(changed).replace('Z', '+00:00'))
    except ValueError:  # an older server's; the number tells
        time = datetime.min
    number = annotation.get('id')
    return time.replace(tzinfo=time.tzinfo or timezone.utc), number if isinstance(number, int) else -1


def _seconds(annotation: Mapping[str, Any]) -> float | None:
    try:
        return max(finite_number(annotation.get('lead_time'), 'lead_time'), 0.0)
    except ValueError:  # it is for the record only
        return None


def _read_result(name: str, result: Sequence[Any]) -> FoundImage:
    boxes, sizes, others = [], set(), Counter[str]()
    for region in result:
        if not isinstance(region, Mapping):
            raise ValueError(f'image {name}: {str(region)[:60]!r} is no region')
        kind = region.get('type')
        if kind == _BOX:
            box, size = _read_region(name, region)
            sizes.add(size)
            if box is None:
                others['rotated box'] += 1
            else:
                boxes.append(box)
        elif kind not in _NO_SHAPES:
            others[str(kind)] += 1
    if len(sizes) > 1:
        raise ValueError(f'image {name}: its regions state several sizes, {sorted(sizes)}')
    return FoundImage(name, sizes.pop() if sizes else None, tuple(boxes), other_shapes=others)


def _read_region(name: str, region: Mapping[str, Any]) -> tuple[FoundBox | None, tuple[float, float]]:
    value = region.get('value')
    labels = value.get(_BOX) if isinstance(value, Mapping) else None
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise ValueError(f'image {name}: a box has the classes {labels!r}; give it one in the tool')
    if region.get('image_rotation'):
        raise ValueError(
            f'image {name}: was turned in the tool by {region["image_rotation"]!r}; turn it back'
        )
    what = f'image {name}, box of {labels[0]!r}: '
    keys = ('original_width', 'original_height')
    width, height = (finite_number(region.get(key), f'{what}{key}') for key in keys)
    x, y, w, h = (finite_number(value.get(key), f'{what}{key}') for key in ('x', 'y', 'width', 'height'))
    if finite_number(value.get('rotation') or 0, f'{what}rotation') % 360:
        return None, (width, height)
    if max(x, y, w, h) > _MAX_PERCENT:
        raise ValueError(f'{what}x, y, width and height are {x:g}, {y:g}, {w:g}, {h:g}: percent are needed')
    corners = (x * width / 100, y * height / 100, (x + w) * width / 100, (y + h) * height / 100)
    return FoundBox(labels[0], corners), (width, height)

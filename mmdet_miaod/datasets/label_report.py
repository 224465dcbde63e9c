"""Report on annotations that were asked for: sums, odd boxes, unknown classes, sizes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from .boxes import BoxAnnotation
from .image_files import summarise
from .objects import INVERTED, LEAVES, NOT_UNDERSTOOD, SMALL, UNKNOWN, ObjectCounts

# From this share of ignored objects on, the mark was probably set by a tool and not by a person.
_MANY_IGNORED = 0.5
# People who draw boxes carelessly do not cross the border with so large a share of them.
_MANY_BEYOND = 0.2
# So many boxes do not lie in the first 100 pixels of large images by chance.
_FEWEST_BOXES, _PERCENT = 20, 100

PERHAPS_UNLABELED = (
    'images have no entry in the annotations and train as images without objects; where nobody has labeled '
    "them yet, set data.train.reviewed to 'annotated' or to a list of the images that people looked at; "
    "'all' says that they are labeled"
)


def total_counts(annotations: Mapping[str, BoxAnnotation]) -> ObjectCounts:
    """Sums over images."""
    return sum((entry.counts for entry in annotations.values()), ObjectCounts())


def label_warnings(annotations: Mapping[str, BoxAnnotation], classes: Sequence[str]) -> list[str]:
    """Describe what to look at in newly labeled images, one text per kind.

    Args:
        annotations: by their source (file, and entry in it).
        classes: class names.
    """
    faults = [f'{source}: {text}' for source, entry in annotations.items() for text in entry.problems]
    texts = [f'{len(faults)} boxes to look at: {summarise(faults, len(faults))}'] if faults else []
    if unknown := unknown_objects(annotations, classes):
        total = sum(sum(entry.unknown.values()) for entry in annotations.values())
        texts.append(f'{total} objects of no known class are left out: {summarise(unknown, len(unknown))}')
    if sizes := other_sizes(annotations):
        texts.append(
            f'{len(sizes)} of {len(annotations)} images have another size than their annotations say, so '
            f'their boxes may lie on other pixels: {summarise(sizes, len(sizes))}'
        )
    if ignored := many_ignored(total_counts(annotations)):
        texts.append(ignored)
    return texts + odd_coordinates(annotations)


def odd_coordinates(annotations: Mapping[str, BoxAnnotation]) -> list[str]:
    """Say that the coordinates of a whole set of images look like those of another format."""
    counts, texts = total_counts(annotations), []
    if 2 * counts.left_out.get(INVERTED, 0) > counts.total:
        texts.append(
            f'{counts.left_out[INVERTED]} of {counts.total} boxes are inverted: where width and height were '
            'written in place of xmax and ymax, the others are wrong too; write corners'
        )
    beyond = sum(fault.kind == LEAVES for entry in annotations.values() for fault in entry.faults)
    if beyond > _MANY_BEYOND * counts.total:
        texts.append(
            f'{beyond} of {counts.total} boxes reach beyond their image: look whether they are corners in '
            'place of width and height, or were drawn on pictures of another size or turned otherwise'
        )
    boxed = [entry for entry in annotations.values() if len(entry.bboxes) and entry.size is not None]
    if (
        counts.trained >= _FEWEST_BOXES
        and min((min(entry.size) for entry in boxed), default=0) > 2 * _PERCENT
        and max(entry.bboxes.max() for entry in boxed) <= _PERCENT
    ):
        texts.append(
            f'no coordinate of {counts.trained} boxes is above {_PERCENT}, though every image is more than '
            'twice as large: where they are percent, write pixels'
        )
    return texts


def many_ignored(counts: ObjectCounts) -> str:
    """Say that most objects are ignored; '' where they are not."""
    number = sum(counts.ignored.values())
    if number <= _MANY_IGNORED * counts.total:
        return ''
    marks = ', '.join(f'{mark} {count}' for mark, count in counts.ignored.items())
    return (
        f'most objects are ignored, neither trained on nor evaluated: {number} of {counts.total} ({marks}); '
        'where a tool set these marks, clear them'
    )


def unknown_objects(annotations: Mapping[str, BoxAnnotation], classes: Sequence[str]) -> list[str]:
    """Names that are no class, most frequent first, with number, first files, and the class that is alike."""
    counts: Counter[str] = Counter()
    sources = defaultdict(list)
    for source, entry in annotations.items():
        counts.update(entry.unknown)
        for name in entry.unknown:
            sources[name].append(source)
    plain = {_plain(name): name for name in classes}
    texts = []
    for name, count in counts.most_common():
        alike = plain.get(_plain(name))
        hint = '' if alike is None else f', which differs from {alike!r} in case or spacing only'
        files = f'{", ".join(sources[name][:3])}{", ..." if len(sources[name]) > 3 else ""}'
        shown = name if name.isprintable() else repr(name)
        texts.append(f'{shown} ({count}){hint} in {files}')
    return texts


def other_sizes(annotations: Mapping[str, BoxAnnotation]) -> list[str]:
    """Images whose size is not the one that their annotations state."""
    texts = []
    for source, entry in annotations.items():
        if entry.size is None or entry.stated_size in (None, entry.size):
            continue
        stated, true = (f'{width:g} x {height:g}' for width, height in (entry.stated_size, entry.size))
        swapped = entry.stated_size == entry.size[::-1]
        hint = ' (drawn before the picture was turned by EXIF?)' if swapped else ''
        texts.append(f'{source}: {stated} instead of {true}{hint}')
    return texts


def no_box_message(annotations: Mapping[str, BoxAnnotation], classes: Sequence[str]) -> str:
    """Say why there is nothing to train on, and what to do."""
    counts, unknown = total_counts(annotations), Counter()
    for entry in annotations.values():
        unknown.update(entry.unknown)
    advice = []
    if counts.left_out.get(UNKNOWN) or not counts.total:
        advice.append('set the classes of the data set and num_classes of the model')
    if counts.ignored:
        advice.append(f'clear the marks of ignored objects ({", ".join(counts.ignored)})')
    if counts.left_out.get(SMALL):
        advice.append('write coordinates in pixels, not from 0 to 1')
    if counts.left_out.get(NOT_UNDERSTOOD):
        advice.append('write each object where the format has it (VOC: <object> directly in <annotation>)')
    examples = [f'{source}: {text}' for source, entry in annotations.items() for text in entry.problems][:3]
    return (
        f'no box of a known class in {len(annotations)} labeled images ({counts}); names of other objects '
        f'there: {dict(unknown.most_common(10))}, classes: {tuple(classes)}; '
        + '; '.join(advice or ['look at the boxes'])
        + ''.join(f'; {example}' for example in examples)
    )


def _plain(name: str) -> str:
    words = name.replace('_', ' ').replace('-', ' ').split()
    return ''.join(letter for letter in ''.join(words).casefold() if letter.isprintable())

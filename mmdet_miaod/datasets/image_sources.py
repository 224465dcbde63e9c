"""Images that a person names: folders, list files and single files, and which of them can be read."""

from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

from . import image_files, image_names
from .image_lists import text_lines


def list_images(sources: str | Path | Iterable[str | Path]) -> list[str]:
    """Paths of the images of folders, list files and single images, each once.

    Raises:
        FileNotFoundError: when a source is missing or holds no image.
    """
    found: dict[str, None] = {}
    for source in [sources] if isinstance(sources, (str, Path)) else sources:
        path = str(source)
        if Path(path).is_dir():
            entries = image_names.find_images(path)
        elif image_names.has_image_suffix(path):
            entries = [path]
        elif Path(path).is_file():
            # Relative paths start from where the list is, wherever the tool is started.
            entries = [str(Path(path).parent / line) for line in _listed(path)]
        else:
            raise FileNotFoundError(f'{path}: no such folder, list or image')
        if not entries:
            others = other_files([path])
            hint = f'; there is {others[0][0]}, but {others[0][1]}' if others else ''
            raise FileNotFoundError(f'{path}: there is no image in it{hint}')
        found.update(dict.fromkeys(entries))
    return list(found)


def other_files(sources: Iterable[str | Path]) -> list[tuple[str, str]]:
    """Return (file, what is wrong) of the files in folders that :func:`list_images` passes over."""
    folders = [str(source) for source in sources if Path(source).is_dir()]
    found = dict.fromkeys(path for folder in folders for path in image_names.find_other_files(folder))
    formats = ', '.join(image_files.FORMATS)
    return [(path, f'only {formats} files are read: convert it if it is an image') for path in found]


def without_listed(paths: Sequence[str], excluded: str | Path) -> list[str]:
    """Return the images that a list does not name.

    Args:
        paths: image files.
        excluded: text file with one path, file name or name without suffix per line, such as the
            ``trainval_L_*.txt`` of a run.
    """
    lines = set(text_lines(str(excluded), errors='surrogateescape'))
    here = {str((Path(excluded).parent / line).resolve()) for line in lines}
    return [
        path
        for path in paths
        if not ({path, Path(path).name, Path(path).stem} & lines or str(Path(path).resolve()) in here)
    ]


def _listed(path: str) -> list[str]:
    """Return the lines of a list of images."""
    lines = text_lines(path, errors='surrogateescape')
    if any('\0' in line for line in lines):
        raise ValueError(f'{path}: is not UTF-8 (UTF-16?); save the list as UTF-8, one path per line')
    if lines and not any(image_names.has_image_suffix(line) for line in lines):
        raise ValueError(
            f'{path}: no line ends in the suffix of an image, the first is {lines[0]!r}; a list has the path '
            'of an image file in each line, from where the list is, and not the names of a VOC list'
        )
    return lines


def find_readable(
    paths: Sequence[str],
    known: Container[str] = (),
    on_progress: Callable[[int], None] = lambda count: None,
) -> tuple[list[str], list[tuple[str, str]]]:
    """Tell readable images, by their headers and all their data, from others.

    Args:
        paths: image files.
        known: those of them that are known to be readable; they are not opened.
        on_progress: called with the number of images after each one.

    Returns:
        Readable files, and (file, what is wrong) of the others; a file listed by two names is readable once.
    """
    readable, problems, seen = [], [], set()
    for path in paths:
        problem = None if path in known else _problem(path)
        on_progress(1)
        real = str(Path(path).resolve())
        if problem is None and real in seen:
            problem = 'the same file as another one'
        seen.add(real)
        if problem is None:
            readable.append(path)
        else:
            problems.append((path, problem))
    return readable, problems


def _problem(path: str) -> str | None:
    try:
        path.encode()
    except UnicodeEncodeError:
        return 'its name is no valid text'
    if '\n' in path:
        return 'its name has a line break'
    failures = image_files.probe([path], image_files.decode)[1]
    return None if not failures else str(failures[0][1]) or type(failures[0][1]).__name__

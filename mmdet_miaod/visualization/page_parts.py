"""Parts of a page: plots, whose files lie beside it, and images with a name and lines below."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image
from tabulate import tabulate

from .figures import Plot, render, svg_uri, write_plot
from .run_images import data_uri


@dataclass(frozen=True)
class PagePlot:
    """A plot on the page, and its drawing as a data URI."""

    plot: Plot
    uri: str


@dataclass(frozen=True)
class PlotFolder:
    """Folder of the files of a page's plots.

    Attributes:
        path: the folder.
        png: whether each plot is written as PNG too, beside SVG and CSV.
    """

    path: Path
    png: bool

    def add(self, plot: Plot, prefix: str = '') -> PagePlot:
        """Draw a plot and write its files, their names beginning with a prefix."""
        svg, content = render(plot, self.png)
        write_plot(replace(plot, name=f'{prefix}{plot.name}'), svg, content, self.path)
        return PagePlot(plot, svg_uri(svg))

    def add_all(self, plots: Iterable[Plot | None], prefix: str) -> list[PagePlot]:
        """Add several plots; None where there is nothing to draw."""
        return [self.add(plot, prefix) for plot in plots if plot is not None]


@dataclass(frozen=True)
class PageTable:
    """A table of texts; the first column names the row, all others are numbers.

    Attributes:
        title: its heading.
        heads: of the columns.
        rows: cells, row by row.
        note: a sentence below it.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ''

    def markdown(self) -> str:
        """Return heads and rows as a Markdown table, aligned for terminals too."""
        return tabulate(self.rows, self.heads, tablefmt='github', disable_numparse=True)


@dataclass(frozen=True)
class Overview:
    """Top of a page: all runs at a glance."""

    title: str
    learning: Plot | None
    tables: Sequence[PageTable]


@dataclass(frozen=True)
class PageImage:
    """An image on the page.

    Attributes:
        name: of the image.
        value: a line below it.
        contents: another one.
        pictures: data URIs by alternative text, side by side.
        problem: why there are none.
    """

    name: str
    value: str
    contents: str = ''
    pictures: Mapping[str, str] = field(default_factory=dict)
    problem: str = ''


def page_image(
    name: str, value: str, draw: Mapping[str, Callable[[], Image.Image]], contents: str = ''
) -> PageImage:
    """Draw the pictures of an image; one that cannot be read is said on the page.

    Args:
        name: of the image.
        value: a line below it.
        draw: draws each picture, by its alternative text.
        contents: another line.
    """
    try:
        pictures = {text: data_uri(picture()) for text, picture in draw.items()}
    except (OSError, ValueError) as error:
        return PageImage(name, value, contents, problem=f'cannot be read ({error})')
    return PageImage(name, value, contents, pictures)

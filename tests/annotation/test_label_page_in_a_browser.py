"""The label page as a person uses it, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmdet_miaod.annotation.answers import Answer, LabelBox, compare
from mmdet_miaod.annotation.batch import read_batch
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.annotation.found import ReviewState
from mmdet_miaod.annotation.label_page import PAGE_FILE
from tests.annotation.batches import HEIGHT, WIDTH
from tests.annotation.label_page_job import served, write_page_batch
from tests.browser import BROWSER, Page, open_page

pytest.importorskip('jupyter_bbox_widget', reason='the extra "label" is not installed')
pytestmark = pytest.mark.skipif(BROWSER is None, reason='there is no Chromium here')


class Person:
    """Somebody at the label page; places are in pixels of the image.

    Args:
        page: the browser's page.
        folder: of the batch.
        address: of the label page.
    """

    def __init__(self, page: Page, folder: Path, address: str) -> None:
        self.page = page
        self.folder = folder
        self.address = address
        self.batch = read_batch(folder)

    def open(self, width: int = 1200) -> None:
        """Open the page, or load it again."""
        self.page.show(self.address, width)
        self.wait_for("document.querySelector('#stage svg') !== null")

    def wait_for(self, condition: str) -> None:
        """Wait until something holds on the page."""
        end = time.monotonic() + 20
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, f'{condition}: {self.text()}'
            time.sleep(0.05)

    def text(self) -> str:
        """What the page says above the image."""
        return self.page.evaluate("document.querySelector('header').innerText")

    def place(self, x: float, y: float) -> dict[str, float]:
        """Where a pixel of the image is in the window."""
        rect = self.page.evaluate(
            "(() => {const r = document.querySelector('#stage svg').getBoundingClientRect();"
            'return [r.x, r.y, r.width, r.height]})()'
        )
        return dict(x=rect[0] + x * rect[2] / WIDTH, y=rect[1] + y * rect[3] / HEIGHT)

    def drag(self, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place, move it by way of the others, let it go at the last."""
        for kind, place in (
            ('mousePressed', places[0]),
            *(('mouseMoved', place) for place in places[1:]),
            ('mouseReleased', places[-1]),
        ):
            button = dict(button='left', clickCount=1, buttons=int(kind != 'mouseReleased'))
            self.page.ask('Input.dispatchMouseEvent', type=kind, **self.place(*place), **button)
        self.settle()

    def swipe(self, *places: tuple[float, float]) -> None:
        """The same with a finger."""
        kinds = ['touchStart', *['touchMove'] * (len(places) - 1), 'touchEnd']
        for kind, points in zip(kinds, [*[[self.place(*place)] for place in places], []], strict=True):
            self.page.ask('Input.dispatchTouchEvent', type=kind, touchPoints=points)
        self.settle()

    def press(self, key: str, code: str = '') -> None:
        """Press a key and let it go."""
        code = code or (f'Digit{key}' if key.isdigit() else f'Key{key.upper()}' if len(key) == 1 else key)
        for kind in ('keyDown', 'keyUp'):
            self.page.ask('Input.dispatchKeyEvent', type=kind, key=key, code=code)
        self.settle()

    def click(self, action: str) -> None:
        """Press one of the page's buttons."""
        self.page.evaluate(f'document.querySelector(\'[data-action="{action}"]\').click()')
        self.settle()

    def settle(self) -> None:
        """Let the page save what there is to save."""
        self.page.evaluate('new Promise(resolve => setTimeout(resolve, 20))')
        self.wait_for("document.querySelector('#saved').innerText != 'Saving…'")

    def answers(self) -> list[Answer]:
        """What an import would make of the page's file."""
        path = self.folder / PAGE_FILE
        found = compare(self.batch, read_annotation_file(path, self.batch), str(path)).by_uid
        return [found[image.uid] for image in self.batch.images]


@pytest.fixture
def person(tmp_path) -> Iterator[Person]:
    folder = tmp_path / '2'
    write_page_batch(folder)
    with served(folder) as address, open_page(tmp_path / 'profile') as page:
        yield Person(page, folder, address)


def boxes(answer: Answer) -> list[tuple[str, list[int]]]:
    """Boxes to whole pixels, of which a screen's pixel is about a third."""
    return [(box.name, [round(value) for value in box.corners]) for box in answer.boxes]


def test_boxes_are_proposed_drawn_moved_deleted_and_there_after_a_reload(person: Person) -> None:
    person.open()
    assert '1 box is proposed' in person.text() and '0 done, 0 skipped, 3 to do' in person.text()
    person.drag((200, 40), (250, 80), (300, 100))  # draw, and give it a class
    person.press('2')
    assert person.answers()[0].state is ReviewState.UNTOUCHED
    person.drag((80, 90), (90, 100), (100, 110))  # move the proposed one
    person.open()
    person.press('Enter')
    moved, drawn = boxes(person.answers()[0])
    assert moved == ('bolt', [60, 70, 140, 150])
    assert drawn[0] == 'nut' and drawn[1] == pytest.approx([200, 40, 300, 100], abs=1)
    assert '1 done, 0 skipped, 2 to do' in person.text()
    person.press(',')
    person.drag((250, 70), (250, 70))
    person.press('Delete')
    assert boxes(person.answers()[0]) == [moved]
    person.press('z')
    assert boxes(person.answers()[0]) == [moved, drawn]
    assert not [event for event in person.page.events if 'exception' in event]
    assert person.page.requested == {'http'}


def test_a_box_that_was_not_touched_comes_back_to_the_digit(person: Person) -> None:
    person.open()
    person.press('Enter')
    assert person.answers()[0].boxes == (LabelBox('bolt', (40.25, 50.5, 120.75, 130.0)),)
    assert person.answers()[0].seconds > 0


def test_nothing_here_and_skipped_are_said_on_purpose_and_can_be_undone(person: Person) -> None:
    person.open()
    person.press('n')
    person.press('Enter')
    assert 'There is no box' in person.text()
    person.press('x')
    states = [answer.state for answer in person.answers()]
    assert states == [ReviewState.REVIEWED, ReviewState.SKIPPED, ReviewState.UNTOUCHED]
    assert person.answers()[0].boxes == ()
    person.press('z')
    person.press('z')
    assert {answer.state for answer in person.answers()} == {ReviewState.UNTOUCHED}
    assert 'Image 1 of 3: not decided' in person.text()
    person.press('Enter')
    assert len(person.answers()[0].boxes) == 1


def test_the_last_box_of_a_labeled_image_is_no_way_to_say_that_nothing_is_there(person: Person) -> None:
    person.open()
    person.press('Enter')
    person.press(',')
    person.press('Tab')
    person.press('Backspace')
    assert person.answers()[0].state is ReviewState.UNTOUCHED
    assert 'press N if nothing is here' in person.text()


def test_a_drag_that_leaves_the_image_ends_at_its_edge_and_a_click_draws_nothing(person: Person) -> None:
    person.open()
    person.press('n')
    person.drag((280, 150), (300, 180), (340, 190))
    person.drag((100, 100), (100, 100))
    person.press('Enter')
    ((name, corners),) = boxes(person.answers()[1])
    assert name == 'bolt' and corners == pytest.approx([280, 150, WIDTH, 190], abs=1)


def test_fingers_draw_and_move_on_a_narrow_screen(person: Person) -> None:
    person.page.ask('Emulation.setTouchEmulationEnabled', enabled=True)
    person.open(390)
    person.swipe((200, 40), (250, 80), (300, 100))
    person.swipe((80, 90), (90, 100), (100, 110))
    person.click('done')
    moved, drawn = boxes(person.answers()[0])
    assert moved[1] == pytest.approx([60, 70, 140, 150], abs=1)
    assert drawn[1] == pytest.approx([200, 40, 300, 100], abs=1)
    assert person.page.evaluate('document.documentElement.scrollWidth') <= 390


def test_what_cannot_be_saved_is_said_and_saved_when_it_can_be(person: Person, monkeypatch) -> None:
    from mmdet_miaod.annotation import label_page

    person.open()
    with monkeypatch.context() as patched:
        patched.setattr(label_page, 'write_text', lambda *_: (_ for _ in ()).throw(OSError('disk full')))
        person.page.evaluate('document.querySelector("[data-action=done]").click()')
        person.wait_for("document.querySelector('#message').innerText.includes('Not saved: disk full')")
        assert not (person.folder / PAGE_FILE).exists()
    person.settle()
    assert person.answers()[0].is_reviewed

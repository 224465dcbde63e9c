"""Asking a model about images without annotations; a stopped ranking goes on where it was."""

import csv
import doctest
import io
import json
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.apis import inference, inference_detector, init_detector, score_images
from mmdet_miaod.apis.ranking import rank_files, ranking_text
from mmdet_miaod.datasets.image_sources import list_images
from mmdet_miaod.run.partial_ranking import PartialRanking
from mmdet_miaod.visualization.heatmaps import MAP_TITLES, uncertainty_maps
from tests.tiny_run import CLASSES, write_tiny_model


@pytest.fixture(scope='module')
def model(tiny_data, tmp_path_factory):
    return init_detector(*write_tiny_model(tmp_path_factory.mktemp('model'), tiny_data))


@pytest.fixture
def images(tiny_data) -> list[str]:
    return [str(path) for path in sorted((tiny_data / 'VOC2007' / 'JPEGImages').iterdir())[:5]]


def test_the_examples_of_the_module_are_right(model, images, tiny_data, monkeypatch) -> None:
    monkeypatch.setattr('mmdet_miaod.apis.init_detector', lambda config, checkpoint: model)
    names = dict(CONFIG='', CHECKPOINT='', IMAGE=images[0], IMAGE_FOLDER=str(Path(images[0]).parent))
    results = doctest.testmod(inference, extraglobs=names, report=True)
    assert results.attempted > 4 and results.failed == 0


def test_images_are_ranked_as_they_are_scored_alone(model, images) -> None:
    predictions, problems = score_images(model, images, batch_size=3)
    assert problems == []
    scores = [prediction.uncertainty for prediction in predictions]
    assert scores == sorted(scores, reverse=True)
    alone = {path: inference_detector(model, path).uncertainty for path in images}
    for prediction in predictions:
        assert prediction.uncertainty == pytest.approx(alone[prediction.path], rel=1e-4)
        assert prediction.classes == CLASSES


def test_bad_images_are_listed_and_skipped(model, images, tmp_path: Path) -> None:
    (tmp_path / '<b>bad.jpg').write_text('no image')
    names = [images[0], '<b>bad.jpg', 'missing.jpg', images[0]]
    (tmp_path / 'list.txt').write_text('\n'.join(names))
    predictions, problems = score_images(model, tmp_path / 'list.txt')
    assert [prediction.path for prediction in predictions] == [images[0]]
    assert [Path(path).name for path, _ in problems] == ['<b>bad.jpg', 'missing.jpg']
    with pytest.raises(FileNotFoundError, match='no such folder'):
        list_images(tmp_path / 'nothing')


def test_a_stopped_ranking_goes_on(model, images, tmp_path: Path) -> None:
    first = PartialRanking(tmp_path / 'out.csv', dict(model='a'))
    assert first.open()
    whole = rank_files(model, images[:3], first, chunk_size=2)
    again = PartialRanking(tmp_path / 'out.csv', dict(model='a'))
    assert again.open() and sorted(again.entries) == images[:3]
    counts: list[int] = []
    everything = rank_files(model, images, again, on_progress=counts.append)
    assert counts == [3, 2]
    kept = {e['image']: e['uncertainty'] for e in everything}
    assert all(kept[entry['image']] == entry['uncertainty'] for entry in whole)
    other = PartialRanking(tmp_path / 'out.csv', dict(model='b'))
    assert not other.open() and other.entries == {}


def test_rankings_as_csv_and_json() -> None:
    entry = dict(
        rank=1,
        image='a,"b".jpg',
        uncertainty=0.25,
        percentile=50.0,
        boxes=[{'class': 'x', 'score': 1, 'box': [0] * 4}],
    )
    (row,) = csv.DictReader(io.StringIO(ranking_text([entry], [], 'csv')))
    assert row == dict(
        rank='1', image='a,"b".jpg', uncertainty='0.25', percentile='50.0', detections='1', classes='x 1'
    )
    read = json.loads(ranking_text([entry], [('bad', 'why')], 'json'))
    assert read == dict(ranking=[entry], skipped=[dict(image='bad', problem='why')])


def test_heat_maps_fit_the_image_and_the_score(model, images) -> None:
    result = uncertainty_maps(model, images[0], k=10000, top=3)
    assert set(result.maps) == set(MAP_TITLES)
    assert all(m.shape == (48, 64) and np.isfinite(m).all() and m.min() >= 0 for m in result.maps.values())
    assert result.uncertainty == pytest.approx(inference_detector(model, images[0]).uncertainty)
    shares = [instance.share for instance in result.instances]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1

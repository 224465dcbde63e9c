"""What the main process does alone, while the others wait however long that takes."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from torch import distributed as dist

from mmdet_miaod import distributed
from mmdet_miaod.apis.data import load_data
from mmdet_miaod.datasets import image_files
from tests.reliability.processes import outputs, run_ranks
from tests.reliability.rank_job import join
from tests.tiny_run import NUM_TEST, NUM_TRAIN, draw_tiny_data, tiny_settings

PATIENCE = 2.0  # seconds that a process waits for another


def wait_for_slow_main(rank: int, world_size: int, folder: str, telling: bool) -> None:
    """The main process works longer than the others have patience."""
    distributed._ALIVE_SECONDS = PATIENCE / 10
    join(folder, rank, world_size)
    dist.barrier()
    dist.distributed_c10d._set_pg_timeout(timedelta(seconds=PATIENCE))

    def work(heartbeat) -> list[int]:
        end = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < end:
            time.sleep(PATIENCE / 20)
            if telling:
                heartbeat()
        return [rank, 7]

    assert distributed.on_main_for_long(work) == [0, 7]


def test_a_long_action_of_the_main_process_is_waited_for(tmp_path) -> None:
    assert run_ranks(2, tmp_path, wait_for_slow_main, True) == [0, 0], outputs(tmp_path)


def test_a_silent_main_process_is_given_up(tmp_path) -> None:
    assert run_ranks(2, tmp_path, wait_for_slow_main, False)[1] == 1
    assert 'another process of the run is gone' in (tmp_path / 'output_1').read_text()


def load_and_count(rank: int, world_size: int, folder: str, data_root: str) -> None:
    """Load the data and note how many images this process decoded, and the sizes it knows."""
    join(folder, rank, world_size)
    decoded, decode = [], image_files.decode

    def count(path: str) -> tuple[int, int]:
        decoded.append(path)
        return decode(path)

    image_files.decode = count
    settings = tiny_settings(Path(data_root), Path(folder))
    data = load_data(settings.data, settings.model.num_classes)
    sizes = [
        data.pool.index.sizes.tolist(),
        data.labeled.index.sizes.tolist(),
        data.test.index.sizes.tolist(),
    ]
    (Path(folder) / f'{rank}.json').write_text(json.dumps([len(decoded), sizes]))


def test_only_the_main_process_decodes_the_images(tmp_path, tiny_data) -> None:
    assert run_ranks(2, tmp_path, load_and_count, str(tiny_data)) == [0, 0], outputs(tmp_path)
    (main, sizes), (other, others_sizes) = (
        json.loads((tmp_path / f'{rank}.json').read_text()) for rank in range(2)
    )
    assert (main, other) == (NUM_TRAIN + NUM_TEST, 0)
    assert sizes == others_sizes == [[[64, 48]] * number for number in (NUM_TRAIN, NUM_TRAIN, NUM_TEST)]


def test_a_broken_image_ends_all_processes_with_its_name(tmp_path) -> None:
    data = draw_tiny_data(tmp_path / 'data', num_train=3, num_test=1)
    broken = sorted((data / 'VOC2007/JPEGImages').glob('*.jpg'))[1]
    broken.write_bytes(broken.read_bytes()[:-200])
    assert run_ranks(2, tmp_path, load_and_count, str(data)) == [1, 1]
    assert f'ValueError: 1 of 3 images cannot be read: {broken}' in (tmp_path / 'output_0').read_text()
    text = (tmp_path / 'output_1').read_text()
    assert f'PeerError: the main process failed: ValueError: 1 of 3 images cannot be read: {broken}' in text


@pytest.mark.parametrize('error', [ValueError('why'), KeyboardInterrupt()])
def test_one_process_is_told_nothing(error) -> None:
    def fail(heartbeat) -> None:
        heartbeat()
        raise error

    with pytest.raises(type(error)):
        distributed.on_main_for_long(fail)
    assert distributed.on_main_for_long(lambda heartbeat: heartbeat()) is None


def test_a_function_for_the_main_process_keeps_its_name_and_result() -> None:
    @distributed.main_only
    def count(images: int, *, boxes: int = 0) -> int:
        """Count."""
        return images + boxes

    assert count(3, boxes=2) == 5 and count.__doc__ == 'Count.'

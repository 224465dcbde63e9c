"""miaod export: a model whose detections are PyTorch's, and the page that tells how to run it."""

import re
import sys

import pytest

from mmdet_miaod.apis import inference_detector, init_detector
from tests.commands.conftest import call
from tests.tiny_run import REPOSITORY


def test_without_the_extra_it_is_said_how_to_install_it(tiny_model, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    monkeypatch.setitem(sys.modules, 'onnx', None)
    assert call('export', *tiny_model, '--out', tmp_path / 'model.onnx') == 1
    assert "the extra 'export': pip install 'mmdet_miaod[export]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_command_and_the_example_of_the_page(tiny_model, photos, tmp_path, monkeypatch, capsys) -> None:
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(name)
    out, photo = tmp_path / 'model.onnx', photos / '000001.jpg'
    (tmp_path / 'photo.jpg').write_bytes(photo.read_bytes())
    assert call('export', *tiny_model, '--out', out, '--images', photos) == 0
    said = capsys.readouterr().out
    assert re.match(r'28 images, 140 detections; largest .* boxes \S+ pixels, scores \S+; .*: 0\n$', said)
    assert max(float(number) for number in re.findall(r'\d\S*e-\d+', said)) < 1e-4

    page = (REPOSITORY / 'docs' / 'how-to' / 'export-onnx.md').read_text(encoding='utf-8')
    (example,) = re.findall(r'```python\n(.*?)```', page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    lines = capsys.readouterr().out.splitlines()
    found = {line.split()[0]: [] for line in lines}
    for line in lines:
        name, *numbers = re.findall(r'[a-z]+|[\d.]+', re.sub(r'e[+-]\d+', '', line))
        found[name].append([float(number) for number in numbers])
    prediction = inference_detector(init_detector(*tiny_model), photo)
    for label, box in zip(prediction.labels, prediction.boxes.tolist(), strict=True):
        boxes = [numbers[1:] for numbers in found[prediction.classes[label]]]
        assert any(near == pytest.approx(box, abs=0.01) for near in boxes)

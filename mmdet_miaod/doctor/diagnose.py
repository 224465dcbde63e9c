"""All checks of a config, one after another, none of them stopping the next."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..apis.data import unread_validation
from ..apis.preflight import Prepared, check_before_start
from ..apis.run_options import RunOptions
from ..apis.settings import RunSettings
from .data_checks import check_data
from .environment_checks import check_environment
from .estimates import estimate
from .findings import Diagnosis, Finding, tried
from .measured import KNOWN
from .split_checks import check_split


def diagnose(
    settings: RunSettings,
    device: str,
    quick: bool = False,
    all_annotations: bool = False,
    on_phase: Callable[[str], None] = lambda name: None,
    measured: Sequence[Mapping[str, Any]] = KNOWN,
) -> Diagnosis:
    """Check environment, data and split, and estimate what a run takes.

    Args:
        settings: from :func:`~mmdet_miaod.apis.settings.load_settings`.
        device: ``'cpu'`` or ``'cuda:N'``.
        quick: only what ``tools/train.py`` checks before it starts.
        all_annotations: check the annotation files of the whole pool.
        on_phase: is told what is done next.
        measured: what is known of GPUs elsewhere, see :mod:`~mmdet_miaod.doctor.measured`.
    """
    unread = unread_validation(settings.config.data)
    findings = [Finding('data', 'validation set', 'warning', unread)] if unread else []
    if not quick:
        findings += _check_thoroughly(settings, device, all_annotations, on_phase)
        # They have been decoded; what is left to do is to read their sizes.
        settings = replace(settings, data=replace(settings.data, check_images='header'))
    on_phase('what a run checks before it starts')
    prepared = _check_before_start(settings, device, findings)
    estimates: dict[str, Any] = {}
    if prepared is not None:
        with tried(findings, 'split', 'labeled sets'):
            findings += check_split(settings.labeling, len(prepared.data.pool))
        if settings.annotator is not None:
            text = 'people label the images: steps and time are not estimated before there are labels'
            findings.append(Finding('estimate', 'labels', 'note', text))
        elif not quick and not _unreadable(findings):
            on_phase('a few steps of each stage')
            estimates = _estimate(settings, prepared, measured, findings)
    return Diagnosis(findings, estimates)


def _check_thoroughly(
    settings: RunSettings, device: str, all_annotations: bool, on_phase: Callable[[str], None]
) -> list[Finding]:
    """Check what takes longer than a run's own checks."""
    on_phase('environment')
    findings = check_environment(device, settings.work_directory, settings.loaders.workers)
    on_phase('images and annotation files')
    with tried(findings, 'data', 'images and annotations'):
        findings += check_data(settings, all_annotations)
    return findings


def _unreadable(findings: list[Finding]) -> bool:
    """Whether images cannot be read, which would end a few steps."""
    names = ('pool images', 'test images')
    return any(finding.name in names and finding.status == 'error' for finding in findings)


def diagnose_without_config(error: Exception, device: str, work_directory: str | None) -> Diagnosis:
    """Check what a config that cannot be read leaves to check.

    Args:
        error: what is wrong with the config.
        device: ``'cpu'`` or ``'cuda:N'``.
        work_directory: where runs would be made, if it is known.
    """
    findings = check_environment(device, work_directory, None)
    with tried(findings, 'start', 'config'):
        raise error
    return Diagnosis(findings)


def _check_before_start(settings: RunSettings, device: str, findings: list[Finding]) -> Prepared | None:
    prepared = None

    def passed(name: str, detail: str) -> None:
        findings.append(Finding('start', name, 'ok', detail))

    with tried(findings, 'start', 'a run would stop here'):
        prepared = check_before_start(settings, RunOptions(device=device), passed)
    return prepared


def _estimate(
    settings: RunSettings,
    prepared: Prepared,
    measured: Sequence[Mapping[str, Any]],
    findings: list[Finding],
) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    name = 'forward and backward step'
    with tried(findings, 'environment', name):  # a GPU's memory may be full, a loader process may die
        described, numbers = estimate(settings, prepared, measured)
        works = f'works on {prepared.device}, losses finite'
        findings += [Finding('environment', name, 'ok', works), *described]
        free = _free_disk(settings.work_directory)
        if numbers['disk_bytes'] > free:
            text = f'a run may take {numbers["disk_bytes"] / 1e9:.2f} GB, {free / 1e9:.2f} GB are free'
            findings.append(Finding('estimate', 'free disk', 'warning', text))
    return numbers


def _free_disk(work_directory: str) -> int:
    place = Path(work_directory).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free

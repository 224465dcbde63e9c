"""All checks of a config, one after another, none of them stopping the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..apis.data import unread_validation
from ..apis.preflight import Prepared, check_before_start
from ..apis.run_options import RunOptions
from ..apis.settings import RunSettings
from ..cli.command_line import USER_ERRORS
from .data_checks import check_data
from .environment_checks import check_environment
from .estimates import estimate
from .findings import Diagnosis, Finding
from .split_checks import check_split


def diagnose(
    settings: RunSettings,
    device: str,
    quick: bool = False,
    all_annotations: bool = False,
    on_phase: Callable[[str], None] = lambda name: None,
) -> Diagnosis:
    """Check environment, data and split, and estimate what a run takes.

    Args:
        settings: from :func:`~mmdet_miaod.apis.settings.load_settings`.
        device: ``'cpu'`` or ``'cuda:N'``.
        quick: only what ``tools/train.py`` checks before it starts.
        all_annotations: check the annotation files of the whole pool.
        on_phase: is told what is done next.
    """
    findings: list[Finding] = []
    if unread := unread_validation(settings.config.data):
        findings.append(Finding('data', 'validation set', 'warning', unread))
    if not quick:
        on_phase('environment')
        findings += check_environment(settings, device)
        on_phase('images and annotation files')
        findings += check_data(settings, all_annotations)
        # They have been decoded; what is left to do is to read their sizes.
        settings = replace(settings, data=replace(settings.data, check_images='header'))
    on_phase('what a run checks before it starts')
    prepared = _check_before_start(settings, device, findings)
    estimates: dict[str, Any] = {}
    if prepared is not None:
        findings += check_split(settings.labeling, len(prepared.data.pool))
        if settings.annotator is not None:
            text = 'people label the images: steps and time are not estimated before there are labels'
            findings.append(Finding('estimate', 'labels', 'note', text))
        elif not quick:
            on_phase('a few steps of each stage')
            estimates = _estimate(settings, prepared, findings)
    return Diagnosis(findings, estimates)


def _check_before_start(settings: RunSettings, device: str, findings: list[Finding]) -> Prepared | None:
    def passed(name: str, detail: str) -> None:
        findings.append(Finding('start', name, 'ok', detail))

    try:
        return check_before_start(settings, RunOptions(device=device), passed)
    except USER_ERRORS as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        findings.append(Finding('start', 'a run would stop here', 'error', str(message)))
        return None


def _estimate(settings: RunSettings, prepared: Prepared, findings: list[Finding]) -> dict[str, Any]:
    try:
        described, numbers = estimate(settings, prepared)
    except (*USER_ERRORS, RuntimeError) as error:  # RuntimeError: a GPU's memory is full, among others
        text = f'{type(error).__name__}: {error}'
        findings.append(Finding('environment', 'forward and backward step', 'error', text))
        return {}
    text = f'works on {prepared.device}, losses finite'
    findings.append(Finding('environment', 'forward and backward step', 'ok', text))
    findings += described
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

"""The keys that configs may have, and which values: a JSON schema."""

from typing import Any

from ..annotation.folder import TOOLS


def _whole(least: int, most: int | None = None) -> dict[str, Any]:
    bounds = f'of at least {least}' if most is None else f'from {least} to {most}'
    limits = dict(minimum=least, maximum=most or _MANY)
    return dict(type='integer', **limits, expected=f'a whole number {bounds} is needed')


def _choice(*values: Any) -> dict[str, Any]:
    return dict(enum=list(values), expected=f'choose one of {values}')


def _object(*required: str, only: bool = False, **properties: Any) -> dict[str, Any]:
    """A dict of the config; with ``only`` it may have these keys and no other."""
    known = dict(properties=properties, required=list(required), additionalProperties=not only)
    return dict(type='object', **known, expected='a dict is needed')


def _either(*kinds: dict[str, Any], expected: str) -> dict[str, Any]:
    return dict(anyOf=list(kinds), expected=expected)


def _list(items: dict[str, Any], expected: str, **limits: int) -> dict[str, Any]:
    return dict(type='array', items=items, **limits, expected=expected)


# Of images, epochs or processes: no run has as many.
_MANY = 10**9
_FLAG = dict(type='boolean', expected='set it to True or False')
_TEXT = dict(type='string', expected='a text is needed')
_POSITIVE = dict(type='number', exclusiveMinimum=0, expected='a number above 0 is needed')
_NUMBER = dict(type='number', minimum=0, expected='a number of at least 0 is needed')
_SHARE = dict(type='number', minimum=0, maximum=1, expected='a number from 0 to 1 is needed')
_BUILT = _object('type', type=_TEXT)
_PATHS = _either(_TEXT, _list(_TEXT, '', minItems=1), expected='a path, or a list of paths, is needed')
_NAMES = _either(
    _TEXT,
    _list(_TEXT, '', minItems=1),
    expected='a list of names, or a file with one name per line, is needed',
)
_TRANSFORMS = _list(_BUILT, 'a list of transforms is needed, each dict(type=NAME, ...)', minItems=1)
_SIZE = _list(_whole(1), '', minItems=2, maxItems=2)
_DATA_SET = _object(
    'type',
    type=_TEXT,
    ann_file=_PATHS,
    img_prefix=_PATHS,
    img_subdir=_TEXT,
    ann_subdir=_TEXT,
    data_root=_TEXT,
    tags=_list(_TEXT, 'a list with a name for each image list is needed'),
    classes=_NAMES,
    pipeline=_TRANSFORMS,
    score_pipeline=_TRANSFORMS,
    exif=_choice('apply', 'ignore'),
    unknown_classes=_choice('warn', 'error'),
    reviewed=_TEXT,
    only_with_boxes=_FLAG,
    use_legacy_coordinate=_FLAG,
    test_mode=_FLAG,
)
_IMAGES = _either(
    _TEXT,
    dict(type='array', items=dict(type=['string', 'integer'])),
    expected='a file of image names, or a list of names or pool indices is needed',
)
_MODEL = _object(
    'type',
    'backbone',
    'bbox_head',
    'train_cfg',
    type=_TEXT,
    backbone=_BUILT,
    neck=_either(
        _BUILT, _list(_BUILT, '', minItems=1), expected='dict(type=NAME, ...), or a list of these, is needed'
    ),
    bbox_head=_object(
        'type',
        'num_classes',
        type=_TEXT,
        num_classes=_whole(1, 100_000),
        anchor_generator=_BUILT,
        loss_cls=_BUILT,
        loss_bbox=_BUILT,
        mil_activation=_choice('softmax', 'sigmoid'),
    ),
    train_cfg=_object(assigner=_BUILT),
    test_cfg=_object(score_thr=_SHARE),
)
_LR_CONFIG = _object(
    'policy',
    policy=_TEXT,
    step=_either(
        _whole(0), dict(type='array', items=_whole(0)), expected='an epoch, or a list of epochs, is needed'
    ),
    warmup=_choice('constant', 'linear', 'exp'),
    warmup_iters=_whole(1),
    warmup_ratio=dict(type='number', exclusiveMinimum=0, maximum=1, expected='a number in (0, 1] is needed'),
)

# Keys that a run reads; MMDetection's other keys may stand in a config, and nothing reads them.
KEYS: dict[str, Any] = dict(
    model=_MODEL,
    data=_object(
        only=True,
        train=_DATA_SET,
        pool=_DATA_SET,
        test=_DATA_SET,
        val=_DATA_SET,
        samples_per_gpu=_whole(1, 1_000_000),
        workers_per_gpu=_whole(0, 256),
        prefetch_factor=_whole(1, 256),
        test_samples_per_gpu=_whole(1),
    ),
    optimizer=_object('type', type=_TEXT, lr=_NUMBER),
    optimizer_config=_object(
        only=True, grad_clip=_object('max_norm', max_norm=_POSITIVE, norm_type=_POSITIVE)
    ),
    lr_config=_LR_CONFIG,
    log_config=_object(
        'interval', interval=_whole(1), hooks=_list(_BUILT, 'a list of hooks is needed, each dict(type=NAME)')
    ),
    log_level=_choice('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'),
    checkpoint_config=_object(
        only=True,
        interval=dict(const=1, expected='every epoch is saved, max_keep_ckpts of them stay'),
        max_keep_ckpts=dict(type='integer', minimum=1, expected='at least 1 is needed to resume'),
    ),
    custom_hooks=_list(_BUILT, 'a list of hooks is needed, each dict(type=NAME, ...)'),
    custom_imports=_object('imports'),
    load_from=_TEXT,
    runner=_object('type', type=_TEXT),
    amp=_object(only=True, dtype=_TEXT),
    cudnn_benchmark=_FLAG,
    tf32=_FLAG,
    channels_last=_FLAG,
    compile_towers=_FLAG,
    check_images=_choice('decode', 'header'),
    X_L_0_size=_whole(1),
    X_S_size=_whole(1),
    X_L_repeat=_whole(1, 1_000_000),
    X_U_repeat=_whole(1, 1_000_000),
    X_U_0_from=_choice('end', 'next'),
    cycles=_list(_whole(0), 'list ascending numbers, such as [0, 1, 2]', minItems=1, maxItems=10_000),
    schedule=_either(_TEXT, dict(type='array'), expected='a name or a list of stages is needed'),
    epoch_ratio=_list(_whole(1, 1_000_000), 'two numbers are needed', minItems=2, maxItems=2),
    epoch=_whole(0, 10_000),
    query=_object('type', type=_TEXT, k=_whole(1)),
    query_fraction=dict(
        type='number', exclusiveMinimum=0, maximum=1, expected='a number in (0, 1] is needed'
    ),
    budget=_object(only=True, unit=_choice('image', 'box'), size=_whole(1)),
    exclude=_IMAGES,
    include=_IMAGES,
    score_chunk_size=_whole(1),
    k=_whole(1),
    param_lambda=_NUMBER,
    annotator=_object(
        'type',
        only=True,
        type=_choice('simulated', 'batches'),
        tool=_choice(*sorted(TOOLS)),
        test_size=_whole(0),
        first=_choice('random', 'coreset'),
        skipped=_choice('leave_out', 'ask_again'),
        score_thr=_SHARE,
        max_boxes=_whole(0),
    ),
    evaluation=_object(),
    seed=_whole(0, 2**32 - 1),
    work_directory=_TEXT,
    data_root=_TEXT,
    dist_params=_object(),
    drawing=_object(),
)

# Variables of this repository's configs, which the keys above refer to.
VARIABLES: dict[str, Any] = dict(
    classes=_NAMES,
    img_scale=_either(
        _SIZE, _list(_SIZE, '', minItems=1), expected='two whole numbers, or a list of such pairs, are needed'
    ),
    **dict.fromkeys(('pool_lists', 'pool_folders', 'test_lists', 'test_folders'), _PATHS),
    **dict.fromkeys(('pool_json', 'pool_images', 'test_json', 'test_images', 'backbone_weights'), _TEXT),
    only_with_boxes=_FLAG,
    train_pipeline=_TRANSFORMS,
    unlabeled_pipeline=_TRANSFORMS,
    test_pipeline=_TRANSFORMS,
)
# Names of MMDetection's own base configs, and further variables, which stay in dumped configs.
HARMLESS = {'workflow', 'resume_from', 'opencv_num_threads', 'mp_start_method', 'auto_scale_lr', 'work_dir'}
HARMLESS |= {'dataset_type', 'img_norm_cfg', 'expand', 'photometric', *VARIABLES}
# Variables that may not be None.
NEEDED = VARIABLES.keys() - {'classes', 'backbone_weights'}

SCHEMA = _object(**KEYS, **VARIABLES)

REQUIRED_KEYS = (
    'model.bbox_head.num_classes',
    'data.train',
    'data.pool',
    'data.test',
    'data.samples_per_gpu',
    'optimizer.type',
    'lr_config.policy',
    'log_config.interval',
    'X_L_0_size',
    'X_S_size',
    'X_L_repeat',
    'X_U_repeat',
    'cycles',
    'epoch_ratio',
    'epoch',
    'query.type',
    'seed',
    'checkpoint_config',
    'work_directory',
)

custom_imports = dict(imports=['mmdet_miaod'], allow_failed_imports=False)
optimizer_config = dict(grad_clip=None)
# How many resume checkpoints stay; with 2 or more a run survives damage to the newest.
checkpoint_config = dict(max_keep_ckpts=3)
# For TensorBoard add dict(type='RunTensorboardLoggerHook') to the hooks.
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook', ignore_last=False)])
log_level = 'INFO'
custom_hooks = []
# Weights that every cycle's model starts from (a checkpoint file), instead of the backbone's alone.
load_from = None
# Mixed precision: dtype 'float16' or 'bfloat16'; losses and uncertainty stay in float32.
amp = dict(dtype=None)
# For GPUs; they change results in the last digits, bash scripts/gpu_check.sh says by how much and what they gain.
# cudnn_benchmark: cuDNN tries its algorithms for each image shape and keeps the fastest. tf32: multiplications with
# 10 bits of mantissa. channels_last: memory layout for tensor cores. compile_towers: torch.compile the head.
cudnn_benchmark = False
tf32 = False
channels_last = False
compile_towers = False
# How the pool's images are checked before training: 'decode' reads each wholly, 'header' only the first bytes.
check_images = 'decode'

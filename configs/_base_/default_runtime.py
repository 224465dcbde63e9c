custom_imports = dict(imports=['mmdet_miaod'], allow_failed_imports=False)
optimizer_config = dict(grad_clip=None)
# Number of checkpoints kept for resuming; with 2 or more a run survives damage to the newest.
checkpoint_config = dict(max_keep_ckpts=3)
# For TensorBoard add dict(type='TensorboardLoggerHook') to the hooks, for W&B dict(type='WandbLoggerHook').
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook', ignore_last=False)])
log_level = 'INFO'
custom_hooks = []
# Checkpoint that the model of every cycle starts from, instead of pretrained weights of the backbone only.
load_from = None
# Mixed precision: dtype 'float16' or 'bfloat16'; losses and uncertainty stay in float32.
amp = dict(dtype=None)
# For GPUs; they change results in the last digits. bash scripts/gpu_check.sh measures the change and the speed.
# cudnn_benchmark: cuDNN's fastest algorithm per image shape. tf32: products with a mantissa of 10 bits.
# channels_last: the memory layout of Tensor Cores. compile_towers: torch.compile for the head.
cudnn_benchmark = False
tf32 = False
channels_last = False
compile_towers = False
# How pool images are checked before training: 'decode' reads each file completely, 'header' its first bytes.
check_images = 'decode'

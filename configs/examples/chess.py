# Chess: 289 photographs of the pieces on one board, 12 classes (CC BY 4.0). Roboflow's public data set "Chess Pieces"
# (public.roboflow.com/object-detection/chess-full), in VOC's layout; its own lists, valtest is valid and test.
# python tools/train.py configs/examples/chess.py --data-root PATH/TO/chess --device cpu
_base_ = ['./small_pretrained.py']

data_root = 'data/chess/'
classes = [
    f'{color}-{piece}'
    for color in ('black', 'white')
    for piece in ('bishop', 'king', 'knight', 'pawn', 'queen', 'rook')
]
pool_lists = ['VOC2007/ImageSets/Main/train.txt']
pool_folders = ['VOC2007/']
test_lists = ['VOC2007/ImageSets/Main/valtest.txt']
test_folders = ['VOC2007/']
img_scale = (384, 256)

model = dict(bbox_head=dict(num_classes=len(classes)))
work_directory = './work_dirs/chess'

"""Goldens of dropout where it is the identity; its random masks are tests/layers/dropout_test.cpp's business."""
import torch.nn.functional as F

from layer_cases import case, source, write

write("dropout", [
    case("p = 0", "dropout", {"p": 0}, [source([2, 17, 3, 3])], lambda src, w: F.dropout(src[0], 0.0)),
    case("evaluation", "dropout", {}, [source([4, 20])], lambda src, w: F.dropout(src[0], 0.5, training=False), training=False),
])

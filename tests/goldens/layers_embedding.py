"""Goldens of embedding, against torch.nn.functional.embedding."""
import torch.nn.functional as F

from layer_cases import case, source, weight, write


def embedding(name, tokens, vocabulary, size, padding=None):
    params = {"num_embeddings": vocabulary, "embedding_dim": size}
    if padding is not None:
        params["padding_idx"] = padding
    return case(name, "embedding", params, [source(tokens, below=vocabulary)],
                lambda src, w: F.embedding(src[0], w["weight"], padding), {"weight": weight([vocabulary, size])},
                kink=None if padding is None else -1)  # that row's gradient is zero by decree


write("embedding", [
    embedding("a batch", [4, 9], 11, 5),
    embedding("rows as wide as vectors", [3, 20], 50, 64),
    embedding("one token", [1, 1], 1, 1),
    embedding("padding has no gradient", [4, 9], 7, 6, padding=0),
    embedding("another padding", [4, 9], 7, 6, padding=3),
])

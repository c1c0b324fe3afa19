"""Goldens of cross_entropy, against torch.nn.functional.cross_entropy. The second result is what the mean is of."""
import torch
import torch.nn.functional as F

from layer_cases import case, source, write


def function(class_weights=None, label_smoothing=0.0, ignore_index=-100):
    weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32).double()

    def run(src, w):
        logits, target = src[0], src[1].detach()
        classes = logits.shape[-1]
        labels = not target.is_floating_point()
        rows, target = logits.reshape(-1, classes), target.reshape(-1) if labels else target.reshape(-1, classes)
        options = {"weight": weights, "label_smoothing": label_smoothing}
        if labels:
            options["ignore_index"] = ignore_index
            each = torch.ones(classes, dtype=torch.float64) if weights is None else weights
            count = torch.where(target == ignore_index, 0.0, each[target.clamp(min=0)])
        else:
            count = torch.ones(rows.shape[0], dtype=torch.float64)
        if len(src) == 2:
            loss = F.cross_entropy(rows, target, **options)
        else:   # a mean over what the mask leaves
            mask = src[2].detach().reshape(-1)
            if not mask.is_floating_point():   # lengths
                mask = (torch.arange(logits.shape[1]) < mask.reshape(-1, 1)).double().reshape(-1)
            mask = mask.repeat_interleave(rows.shape[0] // mask.shape[0])
            count = count * mask
            loss = (F.cross_entropy(rows, target, **options, reduction="none") * mask).sum() / count.sum()
        return [loss.reshape(1), count.sum().reshape(1)]
    return run


def labels(name, shape, mask=None, lengths=False, scale=2.0, **params):
    sources = [source(shape, scale=scale), source(shape[:-1], below=shape[-1])]
    if lengths:
        sources.append(source(shape[:1], below=shape[1], first=1))
    if mask:
        sources.append(source(mask, scale=0.5, shift=0.5))
    return case(name, "cross_entropy", params, sources, function(**params))


def probabilities(name, shape, mask=None, **params):
    sources = [source(shape, scale=2.0), source(shape, scale=0.5, shift=0.5)]
    if mask:
        sources.append(source(mask, scale=0.5, shift=0.5))
    return case(name, "cross_entropy", params, sources, function(**params))


WEIGHTS = [1.0, 0.5, 2.0, 0.25, 3.0]
write("cross_entropy", [
    labels("digits", [8, 10]),
    labels("one sample of 3 classes", [1, 3]),
    labels("one class", [4, 1]),
    labels("many classes", [3, 1000]),
    labels("large scores", [4, 17], scale=60.0),
    labels("more rows than one thread takes", [300, 100]),
    labels("a sequence", [3, 5, 7]),
    labels("class weights", [9, 5], class_weights=WEIGHTS),
    labels("label smoothing", [6, 10], label_smoothing=0.1),
    labels("class weights and label smoothing", [9, 5], class_weights=WEIGHTS, label_smoothing=0.2),
    labels("an ignored class", [12, 4], ignore_index=2),
    labels("all three", [12, 5], class_weights=WEIGHTS, label_smoothing=0.1, ignore_index=1),
    labels("a mask", [6, 10], mask=[6]),
    labels("a mask over a sequence", [3, 5, 7], mask=[3, 5]),
    labels("a mask over whole sequences", [3, 5, 7], mask=[3]),
    labels("lengths as a mask", [4, 5, 7], lengths=True),
    labels("lengths as a mask, and class weights", [4, 6, 5], lengths=True, class_weights=WEIGHTS),
    labels("a mask and class weights", [9, 5], mask=[9], class_weights=WEIGHTS),
    probabilities("probabilities", [6, 10]),
    probabilities("probabilities, weights and smoothing", [7, 5], class_weights=WEIGHTS, label_smoothing=0.1),
    probabilities("probabilities of a sequence", [2, 3, 9]),
    probabilities("probabilities and a mask", [6, 10], mask=[6]),
])

"""Writes classification.json: top-1 and top-5, confusion matrix, precision, recall and F1 by PyTorch and scikit-learn.

Scores are the formula's tensor 1; labels come from tensor 2: floor((value + 1) / 2 * below), a class at least as large
as C is one to ignore."""
import json
import pathlib

import numpy as np
import torch
from sklearn import metrics

from formula import formula

HERE = pathlib.Path(__file__).parent


def case(rows, classes, below):
    scores = formula(1, [rows, classes])
    labels = ((formula(2, [rows]) + 1) / 2 * below).astype("int64")
    kept = labels < classes
    top = torch.topk(torch.tensor(scores[kept]), min(5, classes)).indices.numpy()
    truth, predicted = labels[kept], np.argmax(scores[kept], axis=1)
    every = list(range(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, predicted, labels=every, zero_division=0)
    return {"rows": rows, "classes": classes, "below": below, "labelled": int(kept.sum()),
            "top1": int((predicted == truth).sum()), "top5": int((top == truth[:, None]).any(axis=1).sum()),
            "confusion": metrics.confusion_matrix(truth, predicted, labels=every).tolist(),
            "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "samples": support.tolist(),
            "macro_f1": float(metrics.f1_score(truth, predicted, average="macro", zero_division=0))}


if __name__ == "__main__":
    # The last has classes that no sample belongs to and none is taken for.
    cases = [case(500, 10, 10), case(301, 7, 9), case(64, 2, 2), case(9, 12, 5)]
    (HERE / "classification.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"classification.json: {len(cases)} cases")

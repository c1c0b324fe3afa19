"""Writes scores.json: ROC-AUC, average precision, accuracy and F1 of logits, and R2, by scikit-learn.

Scores are the formula's tensor 1, rounded to eighths where `ties` is set; labels come from tensor 2: of classes
floor((value + 1) / 2 * classes), of yes and no value > `above`. What is not defined is null."""
import json
import pathlib
import warnings

import numpy as np
from sklearn import metrics

from formula import formula

HERE = pathlib.Path(__file__).parent


def scores_of(rows, columns, ties):
    scores = np.asarray(formula(1, [rows, columns]), dtype="float64")
    return np.round(scores * 8) / 8 if ties else scores


def ranking(positive, scores):
    """AUC and average precision of one column; None where they are not defined."""
    auc = None if positive.all() or not positive.any() else float(metrics.roc_auc_score(positive, scores))
    precision = float(metrics.average_precision_score(positive, scores)) if positive.any() else None
    return {"auc": auc, "average_precision": precision}


def macro(rankings):
    def mean(key):
        values = [r[key] for r in rankings if r[key] is not None]
        return sum(values) / len(values) if values else None
    return {"auc": mean("auc"), "average_precision": mean("average_precision")}


def classes(rows, count, ties=False):
    logits = scores_of(rows, count, ties)
    labels = ((np.asarray(formula(2, [rows])) + 1) / 2 * count).astype("int64")
    # Rounded, since equal ones may differ in the last digit by the order of summing.
    softmax = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 12)
    each = [ranking(labels == c, softmax[:, c]) for c in range(count)]
    whole = {"auc": float(metrics.roc_auc_score(labels, softmax[:, 1] if count == 2 else softmax, multi_class="ovr")),
             "average_precision": each[1]["average_precision"] if count == 2 else macro(each)["average_precision"]}
    return {"kind": "classes", "rows": rows, "columns": count, "ties": ties, "each": each, "whole": whole}


def answers(rows, count, above, ties=False):
    logits = scores_of(rows, count, ties)
    truth = np.asarray(formula(2, [rows, count])) > above
    said = logits > 0
    each = [ranking(truth[:, c], logits[:, c]) for c in range(count)]
    f1 = np.atleast_1d(metrics.f1_score(truth, said, average=None, zero_division=0)) if count > 1 else \
        np.array([metrics.f1_score(truth[:, 0], said[:, 0], zero_division=0)])
    accuracy = [float(metrics.accuracy_score(truth[:, c], said[:, c])) for c in range(count)]
    return {"kind": "answers", "rows": rows, "columns": count, "above": above, "ties": ties, "each": each,
            "whole": macro(each), "accuracy": accuracy, "f1": f1.tolist(), "mean_accuracy": float(np.mean(accuracy)),
            "macro_f1": float(f1.mean())}


def numbers(rows, outputs, constant=False):
    targets = np.asarray(formula(2, [rows, outputs]), dtype="float64")
    if constant:
        targets[:, 0] = 0.5
    found = targets + 0.3 * np.asarray(formula(1, [rows, outputs]), dtype="float64")
    return {"kind": "numbers", "rows": rows, "columns": outputs, "constant": constant,
            "r2": float(metrics.r2_score(targets, found))}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cases = [classes(200, 2), classes(200, 2, ties=True), classes(300, 5), classes(120, 3, ties=True),
             answers(150, 1, 0.2), answers(150, 1, 0.2, ties=True), answers(90, 4, -0.5, ties=True),
             answers(40, 2, 2.0),   # no sample is positive
             answers(40, 2, -2.0),  # every one is
             numbers(50, 1), numbers(80, 3), numbers(30, 2, constant=True), numbers(2, 1)]
    (HERE / "scores.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"scores.json: {len(cases)} cases")

"""Goldens of lstm, gru and rnn, against torch.nn; cells that PyTorch lacks (peepholes, the original GRU) are written out."""
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from layer_cases import case, source, weight, write

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def module_of(layer, features, params):
    known = {key: params[key] for key in ("num_layers", "bidirectional", "bias", "proj_size", "nonlinearity") if key in params}
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[layer]
    return kind(features, params["hidden_size"], batch_first=True, dtype=torch.float64, **known)


def weights_of(layer, features, params):
    """In PyTorch's order, which is ours."""
    hidden, rows = params["hidden_size"], GATES[layer] * params["hidden_size"]
    out, layers = params.get("proj_size") or hidden, params.get("num_layers", 1)
    names = ["", "_reverse"] if params.get("bidirectional") else [""]
    merged = out * (len(names) if params.get("merge", "concat") == "concat" else 1)
    weights = {}
    for k in range(layers):
        for suffix in (f"_l{k}{name}" for name in names):
            weights[f"weight_ih{suffix}"] = weight([rows, features if k == 0 else merged])
            weights[f"weight_hh{suffix}"] = weight([rows, out])
            if params.get("bias", True):
                weights[f"bias_ih{suffix}"] = weight([rows])
                weights[f"bias_hh{suffix}"] = weight([rows])
            if params.get("peephole"):
                weights[f"weight_ch{suffix}"] = weight([3, hidden])
            if params.get("proj_size"):
                weights[f"weight_hr{suffix}"] = weight([out, hidden])
    return weights


def run_module(layer, module, params, src, weights, lengths, states):
    x = src[0] if lengths is None else pack_padded_sequence(src[0], lengths, batch_first=True, enforce_sorted=False)
    start = () if not states else ((states[0].transpose(0, 1), states[1].transpose(0, 1)) if layer == "lstm"
                                   else states[0].transpose(0, 1),)
    output, end = functional_call(module, weights, (x, *start))
    if lengths is not None:
        output = pad_packed_sequence(output, batch_first=True, total_length=src[0].shape[1])[0]
    h, c = end if layer == "lstm" else (end, None)
    return output, h.transpose(0, 1), None if c is None or lengths is not None else c.transpose(0, 1)


def recurrent(name, layer, shape, params, lengths=False, initial=False, own=None, kink=None):
    """`own`: runs a cell that PyTorch lacks, one step at a time."""
    batch, steps, features = shape
    places = params.get("num_layers", 1) * (2 if params.get("bidirectional") else 1)
    hidden = params["hidden_size"]
    sources = [source(shape)]
    if lengths:
        sources.append(source([batch], below=steps, first=1))
    if initial:
        sources.append(source([batch, places, params.get("proj_size") or hidden], 0.7))
        if layer == "lstm":
            sources.append(source([batch, places, hidden], 0.7))

    def function(src, weights):
        count = src[1] if lengths else None
        states = src[1 + lengths:]
        if own:
            output, h, c = own(params, src[0], weights, states)
        else:
            module = module_of(layer, features, params)
            output, h, c = run_module(layer, module, params, src, weights, count, states)
        if params.get("merge") == "sum":
            output = output[..., :hidden] + output[..., hidden:]
        if params.get("output") == "last":
            last = [h[:, -2], h[:, -1]] if params.get("bidirectional") else [h[:, -1]]
            output = sum(last) if params.get("merge") == "sum" else torch.cat(last, 1)
        return [output, h] + ([] if c is None else [c])

    return case(name, layer, params, sources, function, weights_of(layer, features, params), kink=kink)


def peephole_lstm(params, x, w, states):
    """Gers, Schraudolph and Schmidhuber 2002: i and f see the old c, o sees the new one."""
    h, c = (s[:, 0] for s in states) if states else (x.new_zeros(len(x), params["hidden_size"]),) * 2
    outputs = []
    pi, pf, po = w["weight_ch_l0"]
    for xt in x.unbind(1):
        i, f, g, o = (xt @ w["weight_ih_l0"].T + h @ w["weight_hh_l0"].T + w["bias_ih_l0"] + w["bias_hh_l0"]).chunk(4, 1)
        c = torch.sigmoid(f + pf * c) * c + torch.sigmoid(i + pi * c) * torch.tanh(g)
        h = torch.sigmoid(o + po * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, 1), h[:, None], c[:, None]


def original_gru(params, x, w, states):
    """Cho et al. 2014: the reset gate acts on h before the recurrent product."""
    h = states[0][:, 0] if states else x.new_zeros(len(x), params["hidden_size"])
    outputs = []
    for xt in x.unbind(1):
        xr, xz, xn = (xt @ w["weight_ih_l0"].T + w["bias_ih_l0"] + w["bias_hh_l0"]).chunk(3, 1)
        hr, hz, hn = w["weight_hh_l0"].chunk(3)
        r, z = torch.sigmoid(xr + h @ hr.T), torch.sigmoid(xz + h @ hz.T)
        h = (1 - z) * torch.tanh(xn + (r * h) @ hn.T) + z * h
        outputs.append(h)
    return torch.stack(outputs, 1), h[:, None], None


def common_cases(layer, extra=None, kink=None):
    """What every layer can do. Sizes are odd on purpose, and one is as wide as a vector."""
    extra = extra or {}
    make = lambda name, shape, params, **options: recurrent(name, layer, shape, {**params, **extra}, kink=kink, **options)
    return [
        make("one layer", [3, 5, 7], {"hidden_size": 6}),
        make("as wide as vectors", [16, 4, 32], {"hidden_size": 16}),
        make("one step of one sample", [1, 1, 1], {"hidden_size": 1}),
        make("without bias", [2, 4, 3], {"hidden_size": 5, "bias": False}),
        make("two layers", [3, 5, 4], {"hidden_size": 6, "num_layers": 2}),
        make("both directions, two layers", [3, 5, 4], {"hidden_size": 6, "num_layers": 2, "bidirectional": True}),
        make("both directions summed", [3, 5, 4], {"hidden_size": 6, "bidirectional": True, "merge": "sum"}),
        make("the last state", [3, 5, 4], {"hidden_size": 6, "output": "last"}),
        make("the last state of both directions", [3, 5, 4], {"hidden_size": 6, "num_layers": 2, "bidirectional": True, "output": "last"}),
        make("initial states", [3, 5, 4], {"hidden_size": 6}, initial=True),
        make("initial states, both directions, two layers", [3, 5, 4], {"hidden_size": 6, "num_layers": 2, "bidirectional": True},
             initial=True),
        make("unequal lengths", [5, 6, 4], {"hidden_size": 6}, lengths=True),
        make("unequal lengths, both directions, two layers", [5, 6, 4], {"hidden_size": 6, "num_layers": 2, "bidirectional": True},
             lengths=True),
        make("unequal lengths, the last state of both directions, initial states", [5, 6, 4],
             {"hidden_size": 6, "num_layers": 2, "bidirectional": True, "output": "last"}, lengths=True, initial=True),
        make("no dropout between layers without training's", [3, 5, 4], {"hidden_size": 6, "num_layers": 2, "dropout": 0}),
    ]


write("lstm", common_cases("lstm") + [
    recurrent("peepholes", "lstm", [3, 5, 4], {"hidden_size": 6, "peephole": True}, own=peephole_lstm),
    recurrent("peepholes and initial states", "lstm", [3, 5, 4], {"hidden_size": 6, "peephole": True}, own=peephole_lstm, initial=True),
    recurrent("a projection", "lstm", [3, 5, 4], {"hidden_size": 6, "proj_size": 3}),
    recurrent("a projection, both directions, two layers", "lstm", [3, 5, 4],
              {"hidden_size": 6, "proj_size": 3, "num_layers": 2, "bidirectional": True}, initial=True),
])
write("gru", common_cases("gru") + [
    recurrent("original", "gru", [3, 5, 4], {"hidden_size": 6, "variant": "original"}, own=original_gru),
    recurrent("original with an initial state", "gru", [3, 5, 4], {"hidden_size": 6, "variant": "original"}, own=original_gru, initial=True),
    recurrent("original, as wide as vectors", "gru", [16, 4, 32], {"hidden_size": 16, "variant": "original"}, own=original_gru),
])
write("rnn", common_cases("rnn") + [
    recurrent("relu", "rnn", [3, 5, 4], {"hidden_size": 6, "nonlinearity": "relu"}, kink=-1),
    recurrent("relu, both directions, unequal lengths", "rnn", [5, 6, 4],
              {"hidden_size": 6, "nonlinearity": "relu", "bidirectional": True, "num_layers": 2}, lengths=True, kink=-1),
])

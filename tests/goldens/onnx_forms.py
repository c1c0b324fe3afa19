#!/usr/bin/env python3
"""Small networks in the forms that exporters write (TensorFlow and Keras, Caffe, CNTK, PaddlePaddle, older opsets), and what onnxruntime
computes of them, for tests/onnx/import_forms_test.cpp: onnx_forms.json holds each model (base64) and the results for the formula's
tensor 1 as dltool reads it: samples first, the channels of images before their rows.

    pip install onnx==1.23.2 onnxruntime==1.32.0 numpy
    python tests/goldens/onnx_forms.py"""
import base64
import json
import pathlib

import numpy as np
import onnx
import onnx.checker
import onnx.parser
import onnxruntime

from formula import formula, samples

HERE = pathlib.Path(__file__).resolve().parent
FORMS = {}
FEED = {"NCHW": lambda x: x, "NHWC": lambda x: x.transpose(0, 2, 3, 1), "TNF": lambda x: np.moveaxis(x, 0, 1)}
BACK = {"NCHW": lambda y: y, "NHWC": lambda y: y.transpose(0, 3, 1, 2), "TNF": lambda y: np.moveaxis(y, 0, 1)}


def form(name, head, body, sample, weights=None, opset=13, layout="NCHW", out="NCHW", end="", batch=2, tokens=0,
         judge=None):
    """`head` is the input as ONNX's text says it, `body` operators, one a line, whose last result is y. `end`: the function that
    import leaves to the loss. `weights`: shapes, or arrays of numbers. `judge`: the same in operators that onnxruntime has."""
    ir = {6: 3, 8: 3, 9: 4}.get(opset, 7)
    text = f'<ir_version: {ir}, opset_import: ["" : {opset}]>\ng ({head}) => (float y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for salt, (key, value) in enumerate((weights or {}).items(), 100):
        if isinstance(value, tuple):
            value = formula(salt, value, 0.5) + (np.float32(1) if key.startswith("one") else np.float32(0))
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), key))
        if ir < 4:
            model.graph.input.append(onnx.helper.make_tensor_value_info(
                key, model.graph.initializer[-1].data_type, np.asarray(value).shape))
    values = formula(1, (batch, *sample))
    data = np.floor((values + 1) / 2 * tokens).astype(np.int64) if tokens else values
    judged = onnx.ModelProto.FromString(model.SerializeToString())
    if judge:
        judged = onnx.parser.parse_model(f'<ir_version: 7, opset_import: ["" : 13]>\ng ({head}) => (float y) {{ {judge} }}')
        judged.graph.output[0].type.tensor_type.ClearField("shape")
        judged.graph.initializer.extend(model.graph.initializer)
    session = onnxruntime.InferenceSession(judged.SerializeToString(), providers=["CPUExecutionProvider"])
    result = session.run(None, {"x": FEED[layout](data)})[0]
    if out == "one sample":
        result = result[None]
    elif out != "last":
        result = BACK[out](result)
    result = result.astype(np.float64)
    FORMS[name] = {"model": base64.b64encode(model.SerializeToString()).decode(), "input": [batch, *sample], "end": end, "tokens": tokens,
                   "output": samples(result, 32)}


def pools():
    for op, more in [("MaxPool", ""), ("AveragePool", ", count_include_pad=0"), ("AveragePool", ", count_include_pad=1")]:
        what = f"{op}{more[-2:] if more else ''}"
        for size, kernel, stride, pads, ceil in [(4, 2, 2, [0, 1], 1), (5, 2, 2, [0, 1], 1), (6, 3, 2, [0, 1], 1), (6, 3, 2, [1, 0], 1),
                                                 (6, 3, 2, [0, 1], 0), (5, 3, 1, [0, 2], 0), (6, 2, 1, [0, 1], 0), (3, 4, 3, [1, 1], 1),
                                                 (7, 3, 3, [2, 0], 1), (7, 3, 2, [2, 2], 1), (2, 3, 2, [0, 0], 1)]:
            if op == "AveragePool" and "0" in more and pads in ([2, 0], [2, 2], [0, 2]):
                continue  # padding beyond half of the kernel that does not count: refused
            form(f"{what} of {size}, kernel {kernel}, stride {stride}, pads {pads}, ceil_mode {ceil}", f"float[N,2,{size}] x",
                 f"y = {op} <kernel_shape=[{kernel}], strides=[{stride}], pads=[{pads[0]},{pads[1]}], ceil_mode={ceil}{more}> (x)", [2, size])
        form(f"{what} of images, unequal on both axes", "float[N,3,7,6] x",
             f"y = {op} <kernel_shape=[3,2], strides=[2,2], pads=[0,0,1,1], ceil_mode=1{more}> (x)", [3, 7, 6])
        form(f"{what} with SAME_UPPER", "float[N,3,7,6] x",
             f'y = {op} <kernel_shape=[2,2], strides=[1,1], auto_pad="SAME_UPPER"{more}> (x)', [3, 7, 6])


def caffe():
    norm = {"w": (4, 3, 3, 3), "one_s": (4,), "b": (4,), "m": (4,), "one_v": (4,)}
    form("Caffe's Scale behind a batch norm", "float[2,3,6,6] x",
         "c = Conv (x, w)  n = BatchNormalization (c, one_s, b, m, one_v)  q = Mul (n, k)  a = Add (q, z)  r = Relu (a)  y = Flatten (r)",
         [3, 6, 6], norm | {"k": (4, 1, 1), "z": (4, 1, 1)}, opset=9)
    form("Caffe's Scale by Unsqueeze, as Caffe2 writes it", "float[2,3,6,6] x",
         "c = Conv (x, w)  n = BatchNormalization (c, one_s, b, m, one_v)  ku = Unsqueeze <axes=[1,2]> (k)  zu = Unsqueeze <axes=[1,2]> (z)"
         "  q = Mul (n, ku)  a = Add (q, zu)  y = Relu (a)", [3, 6, 6], norm | {"k": (4,), "z": (4,)}, opset=9)
    form("a scale that others read too", "float[N,3,6,6] x",
         "c = Conv (x, w)  q = Mul (c, k)  a = Add (q, z)  y = Concat <axis=1> (a, c)", [3, 6, 6],
         {"w": (4, 3, 3, 3), "k": (4, 1, 1), "z": (1, 4, 1, 1)})
    form("a preprocessing in front of the network", "float[N,3,6,6] x",
         "d = Sub (x, m)  e = Div (d, one_s)  c = Conv (e, w)  y = Relu (c)", [3, 6, 6],
         {"m": (1, 3, 1, 1), "one_s": (3, 1, 1), "w": (4, 3, 3, 3)})
    form("a number minus features", "float[N,6] x", "s = Sub (one_k, x)  m = MatMul (s, w)  y = Mul (m, two)", [6],
         {"one_k": (1,), "w": (6, 4), "two": np.float32(2)})
    form("a difference of two results", "float[N,6] x", "a = MatMul (x, w)  b = MatMul (x, v)  d = Sub (a, b)  y = Neg (d)", [6],
         {"w": (6, 4), "v": (6, 4)})
    form("a scale of embedded tokens", "int64[N,5] x", "e = Gather (w, x)  y = Mul (e, k)", [5], {"w": (7, 4), "k": np.float32(2)}, tokens=7)
    form("a bias that is spread from an axis on, up to opset 6", "float[2,3,6,6] x",
         "c = Conv (x, w)  a = Add <axis=1, broadcast=1> (c, b)  y = Relu (a)", [3, 6, 6], {"w": (4, 3, 3, 3), "b": (4,)}, opset=6,
         judge="c = Conv (x, w, b)  y = Relu (c)")


def zoo():
    form("CNTK's MNIST, whose matrix is reshaped", "float[2,1,12,12] x",
         'c = Conv <auto_pad="SAME_UPPER", dilations=[1,1], group=1, kernel_shape=[5,5], strides=[1,1]> (x, w)  a = Add (c, b)'
         '  r = Relu (a)  p = MaxPool <auto_pad="NOTSET", kernel_shape=[2,2], pads=[0,0,0,0], strides=[2,2]> (r)  f = Reshape (p, s0)'
         "  v = Reshape (k, s1)  t = MatMul (f, v)  y = Add (t, z)", [1, 12, 12],
         {"w": (8, 1, 5, 5), "b": (8, 1, 1), "k": (8, 6, 6, 5), "z": (1, 5), "s0": np.array([2, 288]), "s1": np.array([288, 5])}, opset=8)
    form("SqueezeNet's end: a softmax over (N, C, 1, 1)", "float[2,3,6,6] x",
         "c = Conv <kernel_shape=[1,1]> (x, w, b)  r = Relu (c)  g = GlobalAveragePool (r)  y = Softmax <axis=1> (g)", [3, 6, 6],
         {"w": (10, 3, 1, 1), "b": (10,)}, opset=9, end="softmax")
    form("a softmax over channels, and then another shape", "float[2,3,6,6] x",
         "c = Conv (x, w)  g = GlobalAveragePool (c)  p = Softmax <axis=1> (g)  y = Squeeze (p, s)", [3, 6, 6],
         {"w": (10, 3, 1, 1), "s": np.array([2, 3])}, end="softmax")
    form("a softmax over the channels of each place", "float[N,3,4,5] x", "c = Conv (x, w)  s = Softmax <axis=1> (c)  y = Relu (s)",
         [3, 4, 5], {"w": (6, 3, 1, 1)})
    form("a softmax over all that follows, up to opset 12", "float[N,3,4,5] x",
         "c = Conv (x, w)  s = Softmax <axis=1> (c)  y = Relu (s)", [3, 4, 5], {"w": (6, 3, 1, 1)}, opset=11)
    form("a shuffle of channels", "float[2,8,4,4] x",
         "c = Conv <group=4> (x, w)  r = Reshape (c, s0)  t = Transpose <perm=[0,2,1,3,4]> (r)  u = Reshape (t, s1)  y = Relu (u)", [8, 4, 4],
         {"w": (8, 2, 1, 1), "s0": np.array([2, 4, 2, 4, 4]), "s1": np.array([2, 8, 4, 4])}, opset=9)
    form("YOLO's Focus: slices of every other place", "float[N,3,6,8] x",
         "a = Slice (x, zero, most, two, s)  b = Slice (x, one, most, two, s)  c = Slice (a, zero, most, three, s)"
         "  d = Slice (b, one, most, three, s)  e = Concat <axis=1> (c, d)  y = Conv (e, w)", [3, 6, 8],
         {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "three": np.array([3]), "s": np.array([2]),
          "most": np.array([2**62]), "w": (4, 6, 1, 1)})
    form("a slice of two axes at once, with steps", "float[N,5,9] x", "y = Slice (x, a, b, c, d)", [5, 9],
         {"a": np.array([1, -8]), "b": np.array([5, -1]), "c": np.array([1, 2]), "d": np.array([2, 3])})
    form("blocks of channels to places", "float[N,8,3,4] x", "y = DepthToSpace <blocksize=2> (x)", [8, 3, 4])
    form("blocks of channels to places, the other way", "float[N,8,3,4] x", 'y = DepthToSpace <blocksize=2, mode="CRD"> (x)', [8, 3, 4])
    form("places to channels", "float[N,2,6,4] x", "y = SpaceToDepth <blocksize=2> (x)", [2, 6, 4])
    form("filled weights, as the light models have", "float[N,3,6,6] x",
         "w = ConstantOfShape <value = float[1] {0.02}> (s)  c = Conv (x, w)  y = Relu (c)", [3, 6, 6], {"s": np.array([40, 3, 5, 5])}, opset=9)


def keras():
    form("Keras: channels last, with a flattened image", "float[N,8,8,3] x",
         't = Transpose <perm=[0,3,1,2]> (x)  c = Conv <auto_pad="SAME_UPPER"> (t, w, b)  r = Relu (c)'
         "  p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r)  q = Transpose <perm=[0,2,3,1]> (p)  f = Reshape (q, s)  m = MatMul (f, d)"
         "  y = Add (m, e)", [3, 8, 8], {"w": (4, 3, 3, 3), "b": (4,), "s": np.array([-1, 64]), "d": (64, 5), "e": (5,)}, layout="NHWC")
    form("Keras: biases, norms and means while the channels are last", "float[N,7,6,3] x",
         "i = Mul (x, k)  t = Transpose <perm=[0,3,1,2]> (i)  c = Conv <strides=[2,2]> (t, w)  q = Transpose <perm=[0,2,3,1]> (c)"
         "  a = Add (q, b)  n = Mul (a, one_s)  r = Clip (n, lo, hi)  g = ReduceMean <axes=[1,2], keepdims=0> (r)  m = MatMul (g, d)"
         "  y = Softmax (m)", [3, 7, 6], {"k": np.float32(2 / 255), "w": (4, 3, 3, 3), "b": (4,), "one_s": (4,), "lo": np.float32(0),
                                          "hi": np.float32(6), "d": (4, 5)}, layout="NHWC", end="softmax")
    form("Keras: a kernel that is turned, and a padding while the channels are last", "float[N,6,6,3] x",
         "p = Pad (x, s)  t = Transpose <perm=[0,3,1,2]> (p)  v = Transpose <perm=[3,2,0,1]> (w)  c = Conv <strides=[2,2]> (t, v)"
         "  y = Transpose <perm=[0,2,3,1]> (c)", [3, 6, 6], {"s": np.array([0, 0, 0, 0, 0, 1, 1, 0]), "w": (3, 3, 3, 4)}, layout="NHWC", out="NHWC")
    form("Keras: one channel, which is another shape and no more", "float[N,6,5,1] x",
         "t = Reshape (x, s)  c = Conv (t, w)  q = Transpose <perm=[0,2,3,1]> (c)  f = Flatten (q)  y = MatMul (f, d)", [1, 6, 5],
         {"s": np.array([-1, 1, 6, 5]), "w": (2, 1, 3, 3), "d": (24, 3)}, layout="NHWC")
    form("Keras: joined while the channels are last", "float[N,4,4,3] x",
         "t = Transpose <perm=[0,3,1,2]> (x)  c = Conv (t, w)  q = Transpose <perm=[0,2,3,1]> (c)  j = Concat <axis=3> (q, q)"
         "  k = Transpose <perm=[0,3,1,2]> (j)  y = Conv (k, v)", [3, 4, 4], {"w": (2, 3, 1, 1), "v": (3, 4, 1, 1)}, layout="NHWC")
    form("Keras: a layer of features on a sequence, and the mean of its steps", "float[N,7,4] x",
         "m = MatMul (x, w)  a = Add (m, b)  r = Relu (a)  y = ReduceMean <axes=[1], keepdims=0> (r)", [7, 4], {"w": (4, 5), "b": (5,)})
    form("Keras: a convolution over the steps of a sequence", "float[N,9,4] x",
         "t = Transpose <perm=[0,2,1]> (x)  c = Conv (t, w, b)  r = Relu (c)  q = Transpose <perm=[0,2,1]> (r)"
         "  y = ReduceMax <axes=[1], keepdims=0> (q)", [9, 4], {"w": (5, 4, 3), "b": (5,)})
    form("Keras: a hard sigmoid of its own slope", "float[N,6] x", "h = HardSigmoid <alpha=0.2, beta=0.5> (x)  y = MatMul (h, w)", [6], {"w": (6, 3)})
    form("a sum over the places of each channel", "float[N,3,4,5] x", "s = ReduceSum (x, a)  y = Relu (s)", [3, 4, 5], {"a": np.array([2, 3])})
    form("a mean over channels", "float[N,3,4,5] x", "y = ReduceMean <axes=[1], keepdims=1> (x)", [3, 4, 5])


def recurrent():
    lstm = {"w": (1, 16, 3), "r": (1, 16, 4), "b": (1, 32)}
    form("a time-major LSTM", "float[7,N,3] x", "h, i, j = LSTM <hidden_size=4> (x, w, r, b)  y = Squeeze <axes=[1]> (h)", [7, 3], lstm,
         opset=11, layout="TNF", out="TNF")
    form("a time-major GRU behind a layer of features", "float[7,N,3] x",
         "m = MatMul (x, d)  a = Add (m, e)  h = GRU <hidden_size=4, linear_before_reset=1> (a, w, r, b)  s = Squeeze (h, one)"
         "  y = MatMul (s, v)", [7, 3],
         {"d": (3, 5), "e": (5,), "w": (1, 12, 5), "r": (1, 12, 4), "b": (1, 24), "one": np.array([1]), "v": (4, 2)}, layout="TNF", out="TNF")
    form("the last state of a time-major LSTM", "float[7,N,3] x",
         "h, i, j = LSTM <hidden_size=4> (x, w, r, b)  s = Squeeze (i, zero)  y = MatMul (s, v)", [7, 3],
         lstm | {"zero": np.array([0]), "v": (4, 2)}, layout="TNF", out="last")
    form("a time-major LSTM of one sample, whose batch is taken away", "float[7,1,3] x",
         "h, i, j = LSTM <hidden_size=4> (x, w, r, b)  y = Squeeze (h, both)", [7, 3], lstm | {"both": np.array([1, 2])},
         layout="TNF", out="one sample", batch=1)
    form("time-major tokens", "int64[6,N] x", "e = Gather (m, x)  h = RNN <hidden_size=4> (e, w, r)  y = Squeeze (h, one)", [6],
         {"m": (9, 3), "w": (1, 4, 3), "r": (1, 4, 4), "one": np.array([1])}, layout="TNF", out="TNF", tokens=9)


def functions():
    for name, body, weights in [
            ("clipped from -1 to 1", "y = Clip (c, lo, hi)", {"lo": np.float32(-1), "hi": np.float32(1)}),
            ("clipped from below", "y = Clip (c, lo)", {"lo": np.float32(-0.25)}),
            ("clipped from above", 'y = Clip (c, "", hi)', {"hi": np.float32(0.25)}),
            ("selu", "y = Selu (c)", {}), ("prelu of one slope", "y = PRelu (c, k)", {"k": np.float32(0.2)}),
            ("relu6 and a quotient", "a = Add (c, three)  b = Clip (a, lo, hi)  d = Div (b, hi)  y = Mul (c, d)",
             {"three": np.float32(3), "lo": np.float32(0), "hi": np.float32(6)})]:
        form(f"a convolution, {name}", "float[N,3,4,4] x", f"c = Conv (x, w)  {body}".replace('""', ""), [3, 4, 4], {"w": (4, 3, 1, 1)} | weights)
    form("one sigmoid at the end", "float[N,6] x", "m = MatMul (x, w)  a = Add (m, b)  y = Sigmoid (a)", [6], {"w": (6, 1), "b": (1,)},
         end="sigmoid")
    form("several sigmoids at the end, and then another shape", "float[N,6] x", "m = MatMul (x, w)  s = Sigmoid (m)  y = Reshape (s, k)", [6],
         {"w": (6, 4), "k": np.array([-1, 4])}, end="sigmoid")
    form("a matrix with an axis of one place before it", "float[N,5,6] x", "y = MatMul (x, w)", [5, 6], {"w": (1, 6, 3)})


def main():
    onnxruntime.set_default_logger_severity(4)
    for family in (pools, caffe, zoo, keras, recurrent, functions):
        family()
    lines = [f"{json.dumps(name)}: {json.dumps(form)}" for name, form in FORMS.items()]
    (HERE / "onnx_forms.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"onnx_forms.json: {len(FORMS)} cases, {(HERE / 'onnx_forms.json').stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()

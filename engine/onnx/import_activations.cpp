#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

bool near(float a, float b) { return std::abs(a - b) <= 1e-4F * std::max(1.0F, std::abs(b)); }

/// Adds a function of each element; the order of axes makes no difference to it.
void add_function(Importer& in, const OnnxNode& node, const std::string& src, ImportedLayer layer) {
  ImportedValue value = in.value(src);
  if (value.kind != ImportedValue::Kind::data)
    throw NotCovered("its input is no result of a layer");
  layer.from = {value.port};
  layer.wish = wished_name(node, {});
  value.port = in.add(std::move(layer));
  in.set(node, std::move(value));
  in.reads_only(node, {src});
}

void add_function(Importer& in, const OnnxNode& node, ImportedLayer layer) {
  in.value(node, 0);
  add_function(in, node, node.input(0), std::move(layer));
}

template <const char* kType>
void plain_function(Importer& in, const OnnxNode& node) {
  add_function(in, node, {.type = kType});
}
constexpr char kRelu[] = "relu", kTanh[] = "tanh", kMish[] = "mish", kHardswish[] = "hardswish",
               kSoftplus[] = "softplus";

// ---- parts of functions that are written in several operators ----

/// A tensor of one number, known beforehand.
std::optional<float> number(const Importer& in, const std::string& name) {
  const ImportedValue* value = in.known(name);
  if (!value || value->kind != ImportedValue::Kind::constant) return std::nullopt;
  const auto values = value->tensor->floats();
  if (!values || values->size() != 1) return std::nullopt;
  return (*values)[0];
}

const OnnxNode* made_by(const Importer& in, const std::string& name, std::string_view op) {
  const OnnxNode* node = in.producer(name);
  return node && node->domain.empty() && node->op == op ? node : nullptr;
}

/// `name` is op(x): the name of x.
std::string argument_of(const Importer& in, const std::string& name, std::string_view op) {
  const OnnxNode* node = made_by(in, name, op);
  return node ? node->input(0) : "";
}

struct Scaled {
  std::string name;
  float factor;
};

/// `node` multiplies one tensor by a number, or divides it.
std::optional<Scaled> scaling(const Importer& in, const OnnxNode& node) {
  if (node.op == "Div") {
    const auto divisor = number(in, node.input(1));
    if (divisor) return Scaled{node.input(0), 1 / *divisor};
  }
  if (node.op != "Mul") return std::nullopt;
  if (const auto second = number(in, node.input(1))) return Scaled{node.input(0), *second};
  if (const auto first = number(in, node.input(0))) return Scaled{node.input(1), *first};
  return std::nullopt;
}

Scaled unscaled(const Importer& in, const std::string& name) {
  const OnnxNode* node = in.producer(name);
  return (node ? scaling(in, *node) : std::nullopt).value_or(Scaled{name, 1});
}

/// `name` is x plus a number.
std::string without_sum(const Importer& in, const std::string& name, float addend) {
  const OnnxNode* node = made_by(in, name, "Add");
  if (!node) return "";
  for (const std::size_t i : {0, 1}) {
    const auto found = number(in, node->input(i));
    if (found && near(*found, addend)) return node->input(1 - i);
  }
  return "";
}

/// a * b * factor; b is "" where only one tensor is scaled.
struct Product {
  std::string a, b;
  float factor = 1;
};

Product product_of(const Importer& in, const OnnxNode& node) {
  if (const auto outer = scaling(in, node)) {
    const OnnxNode* inner = made_by(in, outer->name, "Mul");
    if (!inner || scaling(in, *inner)) return {outer->name, "", outer->factor};
    Product product = product_of(in, *inner);
    product.factor *= outer->factor;
    return product;
  }
  const Scaled a = unscaled(in, node.input(0)), b = unscaled(in, node.input(1));
  // A gate such as x * Sigmoid(x) may have x = y * 2 for its x: only what the patterns need is
  // taken apart.
  return {a.name, b.name, a.factor * b.factor};
}

bool is_cube(const Importer& in, const std::string& name, const std::string& x) {
  if (const OnnxNode* power = made_by(in, name, "Pow")) {
    const auto exponent = number(in, power->input(1));
    return power->input(0) == x && exponent && near(*exponent, 3);
  }
  const OnnxNode* outer = made_by(in, name, "Mul");
  if (!outer) return false;
  for (const std::size_t i : {0, 1}) {
    const OnnxNode* square = made_by(in, outer->input(i), "Mul");
    if (outer->input(1 - i) == x && square && square->input(0) == x && square->input(1) == x)
      return true;
  }
  return false;
}

/// 1 + erf(x / sqrt(2))
bool is_gelu_share(const Importer& in, const std::string& name, const std::string& x) {
  const std::string erf = argument_of(in, without_sum(in, name, 1), "Erf");
  const Scaled inner = unscaled(in, erf);
  return !erf.empty() && inner.name == x && near(inner.factor, 1 / std::numbers::sqrt2_v<float>);
}

/// 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))
bool is_gelu_tanh_share(const Importer& in, const std::string& name, const std::string& x) {
  const Scaled outer = unscaled(in, argument_of(in, without_sum(in, name, 1), "Tanh"));
  const OnnxNode* sum = made_by(in, outer.name, "Add");
  if (!sum || !near(outer.factor, std::sqrt(2 / std::numbers::pi_v<float>))) return false;
  for (const std::size_t i : {0, 1}) {
    const Scaled cube = unscaled(in, sum->input(1 - i));
    if (sum->input(i) == x && near(cube.factor, 0.044715F) && is_cube(in, cube.name, x))
      return true;
  }
  return false;
}

bool is_hard_sigmoid(const Importer& in, const std::string& name, const std::string& x) {
  const OnnxNode* node = made_by(in, name, "HardSigmoid");
  return node && node->input(0) == x && near(node->real("alpha", 0.2F), 1.0F / 6) &&
         near(node->real("beta", 0.5F), 0.5F);
}

struct Bounds {
  float min = -std::numeric_limits<float>::infinity(), max = std::numeric_limits<float>::infinity();
};
std::optional<Bounds> bounds_of(const Importer& in, const OnnxNode& clip) {
  Bounds bounds;
  bounds.min = clip.real("min", bounds.min);
  bounds.max = clip.real("max", bounds.max);
  for (const std::size_t i : {1, 2}) {
    if (clip.input(i).empty()) continue;
    const auto bound = number(in, clip.input(i));
    if (!bound) return std::nullopt;
    (i == 1 ? bounds.min : bounds.max) = *bound;
  }
  return bounds;
}

/// min(max(x + 3, 0), 6)
bool is_relu6_of_sum(const Importer& in, const std::string& name, const std::string& x) {
  const OnnxNode* clip = made_by(in, name, "Clip");
  if (!clip || without_sum(in, clip->input(0), 3) != x) return false;
  const auto bounds = bounds_of(in, *clip);
  return bounds && bounds->min == 0 && bounds->max == 6;
}

/// The function x * gate * factor; "" where it is none that a layer computes.
std::string gated_function(const Importer& in, const std::string& x, const std::string& gate,
                           float factor) {
  if (near(factor, 1) && argument_of(in, gate, "Sigmoid") == x) return "swish";
  if (near(factor, 1) && argument_of(in, argument_of(in, gate, "Tanh"), "Softplus") == x)
    return "mish";
  if (near(factor, 1) && is_hard_sigmoid(in, gate, x)) return "hardswish";
  if (near(factor, 1.0F / 6) && is_relu6_of_sum(in, gate, x)) return "hardswish";
  if (near(factor, 0.5F) && is_gelu_share(in, gate, x)) return "gelu";
  if (near(factor, 0.5F) && is_gelu_tanh_share(in, gate, x)) return "gelu tanh";
  return "";
}

/// A product that is a function of one tensor.
bool import_gated(Importer& in, const OnnxNode& node) {
  std::vector<Product> products = {product_of(in, node)};
  if (node.op == "Mul") products.push_back({node.input(0), node.input(1), 1});
  for (const Product& product : products) {
    for (const auto& [x, gate] :
         {std::pair(product.a, product.b), std::pair(product.b, product.a)}) {
      if (x.empty() || !in.known(x)) continue;
      const std::string type = gated_function(in, x, gate, product.factor);
      if (type.empty()) continue;
      ImportedLayer layer{.type = type.substr(0, type.find(' '))};
      if (type == "gelu tanh") layer.params.push_back(word("approximate", "tanh"));
      add_function(in, node, x, std::move(layer));
      return true;
    }
  }
  return false;
}

/// log(1 + exp(beta x)) / beta
bool import_scaled_softplus(Importer& in, const OnnxNode& node) {
  const auto outer = scaling(in, node);
  if (!outer) return false;
  const std::string inner = argument_of(in, outer->name, "Softplus");
  const Scaled x = unscaled(in, inner);
  if (inner.empty() || !near(x.factor * outer->factor, 1) || !in.known(x.name)) return false;
  add_function(in, node, x.name, {.type = "softplus", .params = {parameter("beta", x.factor)}});
  return true;
}

void import_mul(Importer& in, const OnnxNode& node) {
  const auto constant = [&](std::size_t i) {
    const ImportedValue* value = in.known(node.input(i));
    return value && value->kind == ValueKind::constant;
  };
  if (constant(0) && constant(1)) return import_constant_product(in, node);
  if (import_gated(in, node) || import_scaled_softplus(in, node) || import_affine(in, node)) return;
  ImportedValue a = in.data(node, 0), b = in.data(node, 1);
  if (a.perm != b.perm) a = in.plain(node, 0), b = in.plain(node, 1);
  // The whole picture first, then what gates its channels.
  if (in.shape(b.port).elements() > in.shape(a.port).elements()) std::swap(a, b);
  a.port = in.add({.type = "mul", .from = {a.port, b.port}, .wish = wished_name(node, {})});
  in.set(node, std::move(a));
}

void import_div(Importer& in, const OnnxNode& node) {
  if (import_gated(in, node) || import_scaled_softplus(in, node) || import_affine(in, node)) return;
  throw NotCovered("dltool has no layer that divides one result by another");
}

/// PyTorch's softplus: x itself from where they do not differ, Where(x > 20, x, softplus(x)).
void import_where(Importer& in, const OnnxNode& node) {
  const OnnxNode* greater = made_by(in, node.input(0), "Greater");
  const auto threshold = greater ? number(in, greater->input(1)) : std::nullopt;
  const ImportedValue* softplus = in.known(node.input(2));
  if (!threshold || *threshold < 20 || !softplus || softplus->port.layer < 0 ||
      in.layer(softplus->port).type != "softplus" || !in.is_data(node, 1) ||
      unscaled(in, greater->input(0)).name != node.input(1) ||
      in.layer(softplus->port).from[0] != in.value(node, 1).port)
    throw NotCovered("dltool has no layer that chooses between two others");
  in.set(node, *softplus);
  in.reads_only(node, {node.input(1), node.input(2)});
}

/// `layer` of the data's input times and plus a number, its result likewise.
void import_within(Importer& in, const OnnxNode& node, const Affine& before, ImportedLayer layer,
                   const Affine& after) {
  ImportedValue value = with_affine(in, node, node.input(0), in.data(node, 0), before);
  layer.from = {value.port};
  layer.wish = wished_name(node, {});
  value.port = in.add(std::move(layer));
  in.set(node, with_affine(in, node, "", value, after));
  in.reads_only(node, {node.input(0)});
}

void import_clip(Importer& in, const OnnxNode& node) {
  in.data(node, 0);
  const auto bounds = bounds_of(in, node);
  if (!bounds) throw NotCovered("its bounds are not known beforehand");
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto [min, max] = *bounds;
  if (min <= -kMost && max >= kMost) return in.set(node, in.data(node, 0));
  if (max >= kMost) {  // relu(x - min) + min
    import_within(in, node, {.shift = {-min}}, {.type = "relu"}, {.shift = {min}});
  } else if (min <= -kMost) {  // max - relu(max - x)
    import_within(in, node, {.scale = {-1}, .shift = {max}}, {.type = "relu"},
                  {.scale = {-1}, .shift = {max}});
  } else if (min < max) {
    const float size = (max - min) / 6;
    import_within(in, node, {.scale = {1 / size}, .shift = {-min / size}}, {.type = "relu6"},
                  {.scale = {size}, .shift = {min}});
  } else {
    throw NotCovered("its bounds leave one number");
  }
}

void import_elu(Importer& in, const OnnxNode& node) {
  add_function(in, node, {.type = "elu", .params = {parameter("alpha", node.real("alpha", 1))}});
}

void import_leaky_relu(Importer& in, const OnnxNode& node) {
  const float slope = node.real("alpha", 0.01F);
  add_function(in, node, {.type = "leaky_relu", .params = {parameter("negative_slope", slope)}});
}

void import_gelu(Importer& in, const OnnxNode& node) {
  ImportedLayer layer{.type = "gelu"};
  if (node.text("approximate", "none") == "tanh")
    layer.params.push_back(word("approximate", "tanh"));
  add_function(in, node, std::move(layer));
}

/// min(max(alpha x + beta, 0), 1), of which the layer has alpha 1/6 and beta 1/2.
void import_hard_sigmoid(Importer& in, const OnnxNode& node) {
  in.data(node, 0);
  if (is_hard_sigmoid(in, node.outputs.at(0), node.input(0)))
    return add_function(in, node, {.type = "hardsigmoid"});
  const float alpha = node.real("alpha", 0.2F), beta = node.real("beta", 0.5F);
  import_within(in, node, {.scale = {6 * alpha}, .shift = {6 * (beta - 0.5F)}},
                {.type = "hardsigmoid"}, {});
}

void import_selu(Importer& in, const OnnxNode& node) {
  const float alpha = node.real("alpha", 1.67326319F), gamma = node.real("gamma", 1.05070102F);
  import_within(in, node, {}, {.type = "elu", .params = {parameter("alpha", alpha)}},
                {.scale = {gamma}});
}

/// With one slope for all it is a leaky relu.
void import_prelu(Importer& in, const OnnxNode& node) {
  in.data(node, 0);
  const std::vector<float> slopes = in.floats(node, 1);
  if (slopes.empty() || std::ranges::any_of(slopes, [&](float s) { return s != slopes[0]; }))
    throw NotCovered("dltool has no layer with a slope for each channel");
  add_function(in, node,
               {.type = "leaky_relu", .params = {parameter("negative_slope", slopes[0])}});
}

/// The loss has it: bce_with_logits takes scores.
void import_sigmoid(Importer& in, const OnnxNode& node) {
  const ImportedValue& value = in.data(node, 0);
  if (!in.ends_as_output(node.outputs.at(0)) || value.port.layer < 0)
    return add_function(in, node, {.type = "sigmoid"});
  in.note(
      "the Sigmoid at the end is left out: the loss bce_with_logits has its own, and the network "
      "gives what it is taken of");
  in.choose_loss(ImportedLoss::bce_with_logits);
  in.set(node, value);
}

}  // namespace

std::vector<OperatorRow> activation_operators() {
  return {{"Clip", import_clip},
          {"Div", import_div},
          {"Elu", import_elu},
          {"Gelu", import_gelu},
          {"HardSigmoid", import_hard_sigmoid},
          {"HardSwish", plain_function<kHardswish>},
          {"LeakyRelu", import_leaky_relu},
          {"Mish", plain_function<kMish>},
          {"Mul", import_mul},
          {"PRelu", import_prelu},
          {"Relu", plain_function<kRelu>},
          {"Selu", import_selu},
          {"Sigmoid", import_sigmoid},
          {"Softplus", plain_function<kSoftplus>},
          {"Tanh", plain_function<kTanh>},
          {"Where", import_where}};
}

}  // namespace dl

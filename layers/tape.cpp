#include "layers/tape.h"

#include <algorithm>
#include <cassert>

#include "core/memory_room.h"

namespace dl {
namespace {

/// oneDNN does not look whether it got the memory that it asked for everywhere, and where it does
/// it may not say that this was the reason. A primitive's machine code takes some MiB at most.
dnnl::primitive make_primitive(const dnnl::primitive_desc_base& desc) {
  constexpr std::size_t kRoom = std::size_t{32} << 20;
  expect_memory_room(kRoom);
  return dnnl::primitive(desc.get());
}

}  // namespace

using dnnl::memory;

memory::desc plain_desc(const Shape& shape, memory::data_type type) {
  memory::dims strides(shape.rank());
  std::int64_t stride = 1;
  for (std::size_t i = shape.rank(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return {shape.dims(), type, strides};
}

memory::desc any_desc(const Shape& shape, memory::data_type type) {
  return {shape.dims(), type, memory::format_tag::any};
}

Tape::Tape(dnnl::engine engine, bool training, bool carries_state)
    : engine_(std::move(engine)), training_(training), carries_state_(carries_state) {}

dnnl::prop_kind Tape::prop_kind() const {
  return training() ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
}

dnnl::primitive_attr Tape::attr() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

std::uint64_t Tape::layer_key() const {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : scope_.name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

Value Tape::add_value(TapeValue value, bool needs_grad) {
  const int id = static_cast<int>(values_.size());
  if (value.root < 0) value.root = id;
  values_.push_back(std::move(value));
  return {id, values_.back().desc, needs_grad};
}

Value Tape::value(const memory::desc& desc) { return add_value({.desc = desc}); }

Value Tape::constant(std::vector<float> values) {
  const Shape shape{static_cast<std::int64_t>(values.size())};
  return add_value({.desc = plain_desc(shape),
                    .home = TapeValue::Home::persistent,
                    .constant = std::move(values)});
}

Value Tape::input(std::string name, const memory::desc& desc) {
  return add_value({.desc = desc, .home = TapeValue::Home::input, .name = std::move(name)});
}

Value Tape::as(const Value& value, const memory::desc& desc) {
  if (value.desc == desc) return value;
  const dnnl::reorder::primitive_desc reorder(engine_, value.desc, engine_, desc, attr());
  Value dst = this->value(desc);
  dst.needs_grad = value.needs_grad;
  run(reorder, {{DNNL_ARG_FROM, value}, {DNNL_ARG_TO, dst}});
  return dst;
}

Value Tape::plain(const Value& value) {
  return as(value, plain_desc(value.shape(), value.desc.get_data_type()));
}

Value Tape::view(const Value& value, const memory::desc& desc) {
  assert(value.desc.get_size() == static_cast<std::size_t>(value.shape().elements()) *
                                      dnnl::memory::data_type_size(value.desc.get_data_type()));
  assert(value.desc.get_size() == desc.get_size());
  const TapeValue& whole = values_[value.id];
  return add_value({.desc = desc, .root = whole.root, .offset = whole.offset}, value.needs_grad);
}

Value Tape::part(const Value& value, const memory::desc& desc) {
  const TapeValue& whole = values_[value.id];
  TapeValue part{.desc = desc, .root = whole.root, .offset = whole.offset};
  if (desc.get_inner_nblks() == 0) {
    part.desc = memory::desc(desc.get_dims(), desc.get_data_type(), desc.get_strides());
    part.offset += static_cast<std::size_t>(desc.get_submemory_offset()) *
                   memory::data_type_size(desc.get_data_type());
  }
  return add_value(std::move(part), value.needs_grad);
}

const WeightInfo& Tape::find_weight(std::string_view name) const {
  return find_weight(scope_.name, name);
}

const WeightInfo& Tape::find_weight(std::string full, std::string_view name) const {
  if (!full.empty()) full += '.';
  full += name;
  const auto at = std::find_if(scope_.weights.begin(), scope_.weights.end(),
                               [&](const WeightInfo& weight) { return weight.name == full; });
  assert(at != scope_.weights.end() && "a layer asks only for weights that it declared");
  return *at;
}

Value Tape::master(const WeightInfo& weight) {
  for (std::size_t id = 0; id < values_.size(); ++id) {
    const TapeValue& value = values_[id];
    if (value.home == TapeValue::Home::weight && value.name == weight.name) {
      return {static_cast<int>(id), value.desc, weight.trainable};
    }
  }
  return add_value(
      {.desc = plain_desc(weight.shape), .home = TapeValue::Home::weight, .name = weight.name},
      weight.trainable);
}

/// What the same bytes in the same layout were reordered to before.
std::optional<int> Tape::prepared(const Value& source, const memory::desc& desc) const {
  for (const TapeStep& step : steps_) {
    if (step.section != TapeStep::Section::prepare || step.host) continue;
    const TapeValue& from = values_[step.args[0].second];
    const int result = step.args[1].second;
    if (from.root == values_[source.id].root && from.offset == values_[source.id].offset &&
        from.desc == source.desc && values_[result].root == result && values_[result].desc == desc)
      return result;
  }
  return std::nullopt;
}

Value Tape::weight(std::string_view name) { return master(find_weight(name)); }

Value Tape::weight(std::string_view name, const memory::desc& desc) {
  const WeightInfo& info = find_weight(name);
  Value stored = master(info);
  // A grouped convolution asks for (G, O/G, I/G, ...): the same bytes as PyTorch's (O, I/G, ...).
  const Shape wanted(desc.get_dims());
  if (wanted != info.shape) stored = view(stored, plain_desc(wanted));
  return weight_as(stored, desc);
}

Value Tape::weight_as(const Value& source, const memory::desc& desc) {
  if (source.desc == desc) return source;
  if (const auto found = prepared(source, desc)) return {*found, desc, source.needs_grad};
  Value laid_out = prepare(desc, [&](const Value& dst) {
    run(dnnl::reorder::primitive_desc(engine_, source.desc, engine_, desc, attr()),
        {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, dst}});
  });
  laid_out.needs_grad = source.needs_grad;
  return laid_out;
}

Value Tape::prepare(const memory::desc& desc, const std::function<void(const Value& dst)>& record) {
  const Value dst = add_value({.desc = desc, .home = TapeValue::Home::persistent});
  const TapeStep::Section section = std::exchange(section_, TapeStep::Section::prepare);
  record(dst);
  section_ = section;
  return dst;
}

void Tape::add_weight_grad(std::string_view name, const Value& diff) {
  const WeightInfo& info = find_weight(name);
  if (!info.trainable) return;
  for (WeightGrad& grad : weight_grads_) {
    if (grad.weight.name == info.name) {
      grad.parts.push_back(diff);
      return;
    }
  }
  weight_grads_.push_back({info, {diff}});
}

Value Tape::norm_weight(std::string_view name) {
  return master(find_weight(scope_.norm->name, name));
}

Value Tape::buffer(std::string_view name) {
  Value stored = master(find_weight(name));
  stored.needs_grad = false;
  return stored;
}

Value Tape::state(std::string_view name, const Shape& shape) {
  const std::string full = scope_.name + "." + std::string(name);
  for (std::size_t id = 0; id < values_.size(); ++id) {
    const TapeValue& value = values_[id];
    if (value.home == TapeValue::Home::state && value.name == full)
      return {static_cast<int>(id), value.desc};
  }
  return add_value({.desc = plain_desc(shape), .home = TapeValue::Home::state, .name = full});
}

void Tape::run(const dnnl::primitive_desc_base& desc, const Args& args, std::string what) {
  if (what.empty()) what = desc.impl_info_str();
  TapeStep step{.section = section_, .node = scope_.node, .what = std::move(what)};
  step.primitive = make_primitive(desc);
  bool has_scratchpad = false;
  for (const auto& [arg, value] : args) {
    assert(value.id >= 0);
    step.args.emplace_back(arg, value.id);
    has_scratchpad |= arg == DNNL_ARG_SCRATCHPAD;
  }
  const memory::desc scratchpad = desc.scratchpad_desc();
  if (!has_scratchpad && scratchpad.get_size() > 0) {
    step.args.emplace_back(DNNL_ARG_SCRATCHPAD, value(scratchpad).id);
  }
  steps_.push_back(std::move(step));
}

void Tape::host(std::string_view what, const std::vector<Value>& reads,
                const std::vector<Value>& writes, HostFn fn) {
  TapeStep step{.section = section_,
                .node = scope_.node,
                .what = "host:" + std::string(what),
                .host = std::move(fn)};
  for (const Value& value : reads) step.reads.push_back(value.id);
  for (const Value& value : writes) step.writes.push_back(value.id);
  steps_.push_back(std::move(step));
}

void Tape::may_overwrite(const Value& dst, const Value& src) {
  in_place_.push_back({dst.id, src.id, static_cast<int>(steps_.size()) - 1});
}

Value Tape::sum(std::span<const Value> parts, const memory::desc& like) {
  assert(!parts.empty());
  if (parts.size() == 1) return parts[0];
  std::vector<Value> same;
  for (const Value& part : parts) same.push_back(as(part, like));
  const Value dst = value(like);
  const dnnl::sum::primitive_desc desc(engine_, like, std::vector<float>(parts.size(), 1.0F),
                                       std::vector<memory::desc>(parts.size(), like), attr());
  Args args = {{DNNL_ARG_DST, dst}};
  for (std::size_t i = 0; i < same.size(); ++i) {
    args.emplace_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), same[i]);
  }
  run(desc, args);
  may_overwrite(dst, same[0]);
  return dst;
}

void Tape::flush_weight_grads() {
  for (const WeightGrad& grad : std::exchange(weight_grads_, {})) {
    const memory::desc stored = plain_desc(grad.parts[0].shape());
    const Value total = as(sum(grad.parts, grad.parts[0].desc), stored);
    TapeValue& last = values_[total.id];
    if (last.home == TapeValue::Home::arena && last.root == total.id && !last.kept) {
      // Nothing else owns these bytes: the step that makes them writes straight into the store.
      last.home = TapeValue::Home::gradient;
      last.name = grad.weight.name;
      continue;
    }
    const Value home =
        add_value({.desc = stored, .home = TapeValue::Home::gradient, .name = grad.weight.name});
    run(dnnl::reorder::primitive_desc(engine_, stored, engine_, stored, attr()),
        {{DNNL_ARG_FROM, total}, {DNNL_ARG_TO, home}});
  }
}

}  // namespace dl

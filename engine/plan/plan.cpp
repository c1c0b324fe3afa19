#include "engine/plan/plan.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace dl {
namespace {

using Home = TapeValue::Home;

std::size_t rounded(std::size_t bytes) {
  constexpr std::size_t kLine = AlignedBuffer::kAlignment;
  return (bytes + kLine - 1) / kLine * kLine;
}

struct Use {
  int first = -1;
  int last = -1;
};

/// First and last step that touches the bytes of each root value.
std::vector<Use> uses_of(const Tape& tape) {
  std::vector<Use> uses(tape.values().size());
  const auto touch = [&](int value, int step) {
    Use& use = uses[tape.values()[value].root];
    if (use.first < 0) use.first = step;
    use.last = step;
  };
  const int count = static_cast<int>(tape.steps().size());
  for (int i = 0; i < count; ++i) {
    for (const auto& [arg, value] : tape.steps()[i].args) touch(value, i);
    for (const int value : tape.steps()[i].reads) touch(value, i);
    for (const int value : tape.steps()[i].writes) touch(value, i);
  }
  for (std::size_t id = 0; id < uses.size(); ++id) {
    if (tape.values()[id].kept && uses[id].first >= 0) uses[id].last = count;
  }
  return uses;
}

/// Lets results take over the memory of what they are made from, where that is read for the last
/// time.
std::vector<int> merge_in_place(const Tape& tape, std::vector<Use>& uses) {
  std::vector<int> owner(tape.values().size());
  for (std::size_t id = 0; id < owner.size(); ++id) owner[id] = tape.values()[id].root;
  for (const Tape::InPlace& hint : tape.in_place()) {
    const int src = owner[tape.values()[hint.src].root];
    const int dst = tape.values()[hint.dst].root;
    const TapeValue& from = tape.values()[src];
    const TapeValue& to = tape.values()[dst];
    const bool both_in_arena = from.home == Home::arena && to.home == Home::arena;
    const bool same_size = from.desc.get_size() == to.desc.get_size();
    if (src == dst || !both_in_arena || !same_size || uses[src].last != hint.step ||
        uses[dst].first != hint.step)
      continue;
    uses[src].last = uses[dst].last;
    uses[dst] = {};
    for (int& candidate : owner) {
      if (candidate == dst) candidate = src;
    }
  }
  return owner;
}

}  // namespace

PlanLayout lay_out_plan(const Tape& tape) {
  std::vector<Use> uses = uses_of(tape);
  const std::vector<int> owner = merge_in_place(tape, uses);
  PlanLayout layout;
  layout.block_of.assign(tape.values().size(), -1);
  std::vector<Lifetime> lifetimes;
  std::vector<int> block_of_root(tape.values().size(), -1);
  for (std::size_t id = 0; id < tape.values().size(); ++id) {
    const TapeValue& value = tape.values()[id];
    if (value.root != static_cast<int>(id)) continue;
    if (value.home == Home::persistent || value.home == Home::state)
      layout.persistent_bytes += rounded(value.desc.get_size());
    if (value.home != Home::arena || uses[id].first < 0) continue;
    block_of_root[id] = static_cast<int>(lifetimes.size());
    const std::size_t bytes = value.desc.get_size();
    lifetimes.push_back({bytes, uses[id].first, uses[id].last, value.touched.value_or(bytes)});
  }
  for (std::size_t id = 0; id < tape.values().size(); ++id)
    layout.block_of[id] = block_of_root[owner[tape.values()[id].root]];
  layout.arena = lay_out_arena(lifetimes);
  return layout;
}

Plan::Plan(Tape tape, const PlanLayout& layout, WeightStore& store, std::span<std::byte> arena)
    : tape_(std::move(tape)),
      stream_(tape_.engine()),
      store_(&store),
      persistent_(layout.persistent_bytes) {
  assert(arena.size() >= layout.arena.bytes);
  place_values(layout, store, arena);
  memories_.resize(tape_.values().size());
  bind_steps();
}

void Plan::place_values(const PlanLayout& layout, WeightStore& store, std::span<std::byte> arena) {
  const std::vector<TapeValue>& values = tape_.values();
  pointers_.assign(values.size(), nullptr);
  std::size_t persistent = 0;
  for (std::size_t id = 0; id < values.size(); ++id) {
    const TapeValue& value = values[id];
    if (value.root != static_cast<int>(id)) continue;
    switch (value.home) {
      case Home::arena:
        if (layout.block_of[id] >= 0)
          pointers_[id] = arena.data() + layout.arena.offsets[layout.block_of[id]];
        break;
      case Home::persistent:
        pointers_[id] = persistent_.data() + persistent;
        persistent += rounded(value.desc.get_size());
        if (!value.constant.empty())
          std::memcpy(pointers_[id], value.constant.data(), value.constant.size() * sizeof(float));
        break;
      case Home::state:
        pointers_[id] = persistent_.data() + persistent;
        persistent += rounded(value.desc.get_size());
        states_.push_back(
            {value.name,
             Shape(value.desc.get_dims()),
             {static_cast<float*>(pointers_[id]), value.desc.get_size() / sizeof(float)}});
        break;
      case Home::input:
        inputs_.push_back({static_cast<int>(id)});
        break;
      case Home::weight:
        pointers_[id] = store.values(*store.find(value.name)).data();
        break;
      case Home::gradient:
        pointers_[id] = store.gradient(*store.find(value.name)).data();
        break;
    }
  }
  for (std::size_t id = 0; id < values.size(); ++id) {
    const int root = values[id].root;
    if (root == static_cast<int>(id)) continue;
    if (pointers_[root])
      pointers_[id] = static_cast<std::byte*>(pointers_[root]) + values[id].offset;
    for (std::vector<int>& input : inputs_) {
      if (input[0] == root) input.push_back(static_cast<int>(id));
    }
  }
}

dnnl_memory_t Plan::memory_of(int id) {
  if (!memories_[id])
    memories_[id] = dnnl::memory(tape_.values()[id].desc, tape_.engine(), pointers_[id]);
  return memories_[id].get();
}

/// Whether a step depends on weights or statistics that are not frozen; what it writes then does
/// too. `changing`: by root value.
bool Plan::reads_changing_weights(const TapeStep& step, std::vector<bool>& changing) const {
  std::vector<int> touched = step.reads;
  touched.insert(touched.end(), step.writes.begin(), step.writes.end());
  for (const auto& [arg, value] : step.args) touched.push_back(value);
  for (int& value : touched) value = tape_.values()[value].root;
  const bool changes = std::ranges::any_of(touched, [&](int value) { return changing[value]; });
  if (changes) {
    for (const int value : touched) changing[value] = true;
  }
  return changes;
}

void Plan::bind_steps() {
  const std::vector<TapeValue>& values = tape_.values();
  std::vector<bool> changing(values.size());
  for (std::size_t id = 0; id < values.size(); ++id)
    changing[id] = values[id].home == Home::weight && !store_->find(values[id].name)->frozen;
  args_.reserve(tape_.steps().size());
  for (const TapeStep& step : tape_.steps()) {
    std::vector<dnnl_exec_arg_t> args;
    for (const auto& [arg, value] : step.args) args.push_back({arg, memory_of(value)});
    std::vector<std::size_t>* when = &run_;
    if (step.section == TapeStep::Section::prepare)
      when = reads_changing_weights(step, changing) ? &prepare_ : &prepare_frozen_;
    when->push_back(args_.size());
    args_.push_back(std::move(args));
  }
}

void Plan::reset_states() {
  for (const CarriedState& state : states_)
    std::fill(state.values.begin(), state.values.end(), 0.0F);
}

void Plan::set_input(std::size_t input, const void* data) {
  for (const int id : inputs_[input]) {
    // Inputs are only ever read.
    pointers_[id] = static_cast<std::byte*>(const_cast<void*>(data)) + tape_.values()[id].offset;
    if (memories_[id]) memories_[id].set_data_handle(pointers_[id]);
  }
}

void Plan::execute(std::size_t i, const StepContext& context) {
  const TapeStep& step = tape_.steps()[i];
  if (step.host) {
    step.host(HostArgs(pointers_, step.reads, step.writes, context));
    return;
  }
  const dnnl_status_t status = dnnl_primitive_execute(
      step.primitive.get(), stream_.get(), static_cast<int>(args_[i].size()), args_[i].data());
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  if (status != dnnl_success) throw dnnl::error(status, "could not execute a primitive");
}

void Plan::run(const StepContext& context) {
  if (prepared_frozen_version_ != store_->frozen_version()) {
    for (const std::size_t i : prepare_frozen_) execute(i, context);
    prepared_frozen_version_ = store_->frozen_version();
  }
  if (prepared_version_ != store_->version()) {
    for (const std::size_t i : prepare_) execute(i, context);
    prepared_version_ = store_->version();
  }
  for (const std::size_t i : run_) execute(i, context);
}

}  // namespace dl

#pragma once

#include <cstdint>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/shape.h"

namespace dl {

/// A tensor at one point of the program: written once, then read.
struct Value {
  int id = -1;
  dnnl::memory::desc desc;
  bool needs_grad = false;  // false for data, labels and all that only frozen weights reach

  Shape shape() const { return Shape(desc.get_dims()); }
};

/// An element-wise function as oneDNN knows it.
struct Activation {
  dnnl::algorithm algorithm = dnnl::algorithm::eltwise_relu;
  float alpha = 0;
  float beta = 0;
};

/// What changes from step to step without being a tensor.
struct StepContext {
  std::uint64_t seed = 0;
  std::int64_t step = 0;         // optimiser steps since the start of training
  std::int64_t micro_batch = 0;  // which of the batches that make up this step
  bool diagnose = false;         // whether probes look at this step (engine/plan/probe.h)
};

/// The memory of a host step: what it reads and writes, in the order they were given.
class HostArgs {
 public:
  /// `pointers` is indexed by value id.
  HostArgs(std::span<void* const> pointers, std::span<const int> reads, std::span<const int> writes,
           const StepContext& context)
      : pointers_(pointers), reads_(reads), writes_(writes), context_(context) {}
  template <class T>
  const T* src(std::size_t i) const {
    return static_cast<const T*>(pointers_[reads_[i]]);
  }
  template <class T>
  T* dst(std::size_t i) const {
    return static_cast<T*>(pointers_[writes_[i]]);
  }
  const StepContext& context() const { return context_; }

 private:
  std::span<void* const> pointers_;
  std::span<const int> reads_, writes_;
  const StepContext& context_;
};
using HostFn = std::function<void(const HostArgs&)>;

using Args = std::vector<std::pair<int, Value>>;  // DNNL_ARG_*, value

/// A tensor of the recorded program and where its bytes are to lie.
struct TapeValue {
  enum class Home {
    arena,       // an intermediate: shares memory with others by lifetime
    persistent,  // of the plan's own: weights in a primitive's layout, constants
    input,       // the batch: set anew for every run
    weight,      // the store's master copy
    gradient,    // the store's gradient of a weight
    state,       // carried from run to run by the plan
  };
  dnnl::memory::desc desc;
  Home home = Home::arena;
  int root = -1;           // the value whose bytes these are; itself unless this is a view
  std::size_t offset = 0;  // bytes from the root's first to this one's
  std::string name = {};   // of the weight, the input or the state
  std::vector<float> constant = {};
  bool kept = false;  // read by others after the run
  /// Bytes that are ever written; none: all. What is asked for besides costs no memory.
  std::optional<std::size_t> touched = {};
};

/// One step of the recorded program: a primitive, or a function of ours.
struct TapeStep {
  enum class Section { prepare, forward, backward };
  Section section = Section::forward;
  int node = -1;
  std::string what;  // implementation name, or what the host function does
  dnnl::primitive primitive = {};
  std::vector<std::pair<int, int>> args = {};  // DNNL_ARG_*, value id
  HostFn host = {};
  std::vector<int> reads = {}, writes = {};  // of a host step
};

/// What a tape needs to know of a weight when a layer asks for it.
struct WeightInfo {
  std::string name;  // full: "layer1.0.conv1.weight"
  Shape shape;
  bool trainable = true;  // not a statistic, and not frozen
  bool frozen = false;
};

/// A batch norm with given statistics that the layer before it takes upon itself.
struct FoldedNorm {
  std::string name;  // of its node
  float eps = 0;
  bool affine = true;
};

/// The node that is being recorded.
struct NodeScope {
  int node = -1;
  std::string name = {};
  std::vector<WeightInfo> weights = {};  // those of `norm` too
  std::optional<Activation> post = {};
  std::optional<FoldedNorm> norm = {};
  bool still = false;   // behaves as in evaluation though others train: it is frozen
  bool closed = false;  // and no gradient passes through it
};

/// Records the steps of a program and allocates nothing; engine/plan gives it memory. A layer's
/// author meets only the part above "for the recorder".
class Tape {
 public:
  Tape(dnnl::engine engine, bool training, bool carries_state = false);

  const dnnl::engine& engine() const { return engine_; }
  /// Whether a backward pass will follow through this node.
  bool training() const { return training_ && !scope_.closed; }
  /// Whether what is random in training is so here: not in a frozen part.
  bool randomises() const { return training() && !scope_.still; }
  dnnl::prop_kind prop_kind() const;
  /// Attributes for every primitive: its scratchpad is part of the arena.
  static dnnl::primitive_attr attr();
  /// The activation that this node must apply to its result (only where its kind `carries` it).
  const std::optional<Activation>& post() const { return scope_.post; }
  /// The norm that this node must apply before that (only where its kind `folds_norm`).
  const std::optional<FoldedNorm>& norm() const { return scope_.norm; }
  /// A weight or statistic of it, as it is stored.
  Value norm_weight(std::string_view name);
  /// A number that differs between layers and stays when others are added: for random streams.
  std::uint64_t layer_key() const;

  /// A new intermediate.
  Value value(const dnnl::memory::desc& desc);
  /// Values known when the plan is made.
  Value constant(std::vector<float> values);
  /// The same data in that layout; reorders only if it differs.
  Value as(const Value& value, const dnnl::memory::desc& desc);
  /// The same data in row-major order.
  Value plain(const Value& value);
  /// The same bytes under another shape, or with their axes in another order. `value` must lie
  /// densely, as row-major ones do (see plain()).
  Value view(const Value& value, const dnnl::memory::desc& desc);

  /// A box of `value` in its own memory: `desc` is a submemory_desc of value.desc. What is written
  /// to it is written to `value`. Of row-major values and the like the result's description begins
  /// at 0, since oneDNN 3.2's matmul does not look at where one begins.
  Value part(const Value& value, const dnnl::memory::desc& desc);

  /// A weight of this node in that layout; reordered at most once per update, never when equal.
  Value weight(std::string_view name, const dnnl::memory::desc& desc);
  /// A weight of this node as it is stored: row-major, PyTorch's shape.
  Value weight(std::string_view name);
  /// What weights come to (a view of one, a result of prepare()) in that layout; reordered as
  /// above.
  Value weight_as(const Value& source, const dnnl::memory::desc& desc);
  /// Something of the plan's own that is made of weights, by the steps that `record` adds: they run
  /// once per update.
  Value prepare(const dnnl::memory::desc& desc,
                const std::function<void(const Value& dst)>& record);
  /// Whether a weight of this node is trained; if none is, its gradient need not be recorded.
  bool trains(std::string_view name) const { return training() && find_weight(name).trainable; }
  /// Whether a weight or statistic of this node must stay as it is.
  bool is_frozen(std::string_view name) const { return find_weight(name).frozen; }
  /// Adds to a weight's gradient, in any layout; its shape may differ from the weight's where the
  /// row-major bytes are the same. Nothing happens for a frozen weight.
  void add_weight_grad(std::string_view name, const Value& diff);
  /// A statistic of this node, row-major; a host step may write it in place.
  Value buffer(std::string_view name);
  /// What this node carries from batch to batch, row-major: zero at first, and whenever the engine
  /// says so; part of a checkpoint. Read before it is written; `name` is the layer's own.
  Value state(std::string_view name, const Shape& shape);
  /// Whether states are carried whatever the layers' own parameters say: a text is being written.
  bool carries_state() const { return carries_state_; }

  /// For memory estimates: no more than that many bytes of `value` are ever written.
  void expect_touched(const Value& value, std::size_t bytes) { values_[value.id].touched = bytes; }

  /// Appends a primitive; its scratchpad is added to `args` where it is not there. `what` is for
  /// people, where oneDNN's own name of the implementation misleads.
  void run(const dnnl::primitive_desc_base& desc, const Args& args, std::string what = {});
  /// Appends work for which oneDNN has no primitive.
  void host(std::string_view what, const std::vector<Value>& reads,
            const std::vector<Value>& writes, HostFn fn);
  /// Lets `dst` take over the memory of `src`, if the last recorded step is the last to read `src`.
  void may_overwrite(const Value& dst, const Value& src);

  // ---- for the recorder (engine/plan) ----

  void enter(NodeScope scope) { scope_ = std::move(scope); }
  void enter(TapeStep::Section section) { section_ = section; }
  Value input(std::string name, const dnnl::memory::desc& desc);
  void keep(const Value& value) { values_[values_[value.id].root].kept = true; }
  /// The sum of gradients that reach one value, in the layout `like` (one part: as it is).
  Value sum(std::span<const Value> parts, const dnnl::memory::desc& like);
  /// Brings the weight gradients collected so far into the store. Call after each node's backward.
  void flush_weight_grads();

  const std::vector<TapeValue>& values() const { return values_; }
  const std::vector<TapeStep>& steps() const { return steps_; }
  struct InPlace {
    int dst, src, step;
  };
  const std::vector<InPlace>& in_place() const { return in_place_; }

 private:
  Value add_value(TapeValue value, bool needs_grad = false);
  const WeightInfo& find_weight(std::string_view name) const;
  const WeightInfo& find_weight(std::string full, std::string_view name) const;
  Value master(const WeightInfo& weight);
  std::optional<int> prepared(const Value& source, const dnnl::memory::desc& desc) const;

  struct WeightGrad {
    WeightInfo weight;
    std::vector<Value> parts;
  };

  dnnl::engine engine_;
  bool training_, carries_state_;
  TapeStep::Section section_ = TapeStep::Section::forward;
  NodeScope scope_;
  std::vector<TapeValue> values_;
  std::vector<TapeStep> steps_;
  std::vector<InPlace> in_place_;
  std::vector<WeightGrad> weight_grads_;
};

/// A row-major description.
dnnl::memory::desc plain_desc(const Shape& shape,
                              dnnl::memory::data_type type = dnnl::memory::data_type::f32);
/// A description whose layout the primitive is to choose.
dnnl::memory::desc any_desc(const Shape& shape,
                            dnnl::memory::data_type type = dnnl::memory::data_type::f32);

}  // namespace dl

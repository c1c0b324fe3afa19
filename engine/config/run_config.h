#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/config_node.h"
#include "core/params.h"
#include "engine/config/finetune_config.h"
#include "engine/config/layer_decl.h"
#include "engine/config/merge.h"

namespace dl {

/// One entry of `loss`. Empty names in `from` and `target` go without saying: the model's output,
/// and the only target of the data.
struct LossDecl {
  std::string name;  // as written, else the type ("cross_entropy", the next one "cross_entropy2")
  TypedNode kind;    // without the keys below
  LayerDecl::Source from;    // a layer's full name
  LayerDecl::Source target;  // "data.<field>", or a layer's full name
  LayerDecl::Source mask;    // likewise; empty: there is none
  float weight = 1;
  bool train_only = false;
};

struct ModelConfig {
  std::optional<std::vector<std::int64_t>> input;  // without the batch axis; else the data says it
  std::vector<LayerDecl> layers;            // in file order, which is also an order of computing
  std::optional<LayerDecl::Source> output;  // a layer's full name; the last layer unless said
  Mark mark;
};

/// Samples held out of train: a number of them, or a fraction below 1.
struct HeldOut {
  double amount = 0;
};
struct SplitConfig {
  HeldOut valid;
  std::int64_t seed = 0;  // which; not the run's seed, so that runs of several seeds share the data
};

/// A part of a classified set.
struct SubsetConfig {
  std::vector<MarkedText> classes;        // names or numbers; empty: all
  std::optional<std::int64_t> per_class;  // training samples of each; none: all
  std::int64_t seed = 0;
};

/// 0 is `auto`: mostly the number of physical cores that this process may use.
struct ThreadCount {
  int count = 0;
};

/// Threads that compute. 0 is `auto`, each physical core; measured: as many as are fastest when the
/// run begins, which its resolved config then says.
struct ComputeThreads {
  int count = 0;
  bool measured = false;
};

/// Which training samples make up an epoch.
enum class SamplerKind { all, balanced };
struct Sampler {
  SamplerKind kind = SamplerKind::all;
  Mark mark;
};

/// Samples in a batch: as many as a table has rows, where one likes.
constexpr std::int64_t kMaxBatch = std::int64_t{1} << 24;

struct DataConfig {
  std::optional<TypedNode> source;
  std::int64_t batch = 32;
  Mark batch_mark;                         // of `batch`, or else of the section
  std::optional<std::int64_t> eval_batch;  // `batch` unless said
  bool drop_last = true;
  Sampler sampler;
  std::optional<bool> shuffle;  // as written; see Setup::shuffles()
  SplitConfig split;
  std::optional<SubsetConfig> subset;
  std::vector<TypedNode> train_transforms, eval_transforms;
  std::optional<std::int64_t>
      augment_views;  // random variants of each sample; none: no end of them
  std::optional<std::int64_t> classes, vocabulary;  // as written; else the source knows
  int prefetch = 2;
  ThreadCount workers;
  Mark mark;
};

struct ClipConfig {
  std::optional<float> norm, value;
};
struct EmaConfig {
  double decay = 0.999;
  bool warmup = false;
};
struct StopConfig {
  std::int64_t patience = 10;
  double min_delta = 0;
};
struct CheckpointEvery {
  std::optional<std::int64_t> epochs = {}, steps = {};  // neither: every epoch
  std::optional<double> seconds = {};                   // see save_rule()
};
struct CheckpointConfig {
  CheckpointEvery every;
  std::int64_t keep = 3;
};
enum class OnNonfinite { stop, skip };
/// Where what the fixed part of a network computes of each sample is kept.
enum class FeatureCacheChoice { automatic, ram, disk, off };
struct FeatureCaching {
  FeatureCacheChoice where = FeatureCacheChoice::automatic;
  Mark mark;
};
enum class Precision { f32 };

struct TrainConfig {
  std::int64_t epochs = 0;
  std::optional<std::int64_t> max_steps;
  ClipConfig clip;
  std::optional<EmaConfig> ema;
  std::optional<std::int64_t> effective_batch;
  ComputeThreads threads;
  Precision precision = Precision::f32;
  std::string monitor;  // "valid/top1"; empty: the first loss's main metric on valid
  std::optional<StopConfig> stop;
  CheckpointConfig checkpoint;
  OnNonfinite on_nonfinite = OnNonfinite::stop;
  std::int64_t skip_limit = 20;  // steps in a row
  FeatureCaching cache_features;
  std::int64_t log_every = 50;  // steps
  Mark mark;
};

/// Looking into the network while it trains.
struct DiagnosticsConfig {
  std::int64_t every = 100;  // steps
  Mark mark;
};

/// A whole config, read and checked; never changed afterwards.
struct RunConfig {
  std::string name;  // the file's stem unless said
  std::uint64_t seed = 1;
  DataConfig data;
  ModelConfig model;
  std::vector<LossDecl> losses;
  TypedNode optimizer;
  TypedNode schedule;                // `constant` unless said
  std::optional<ConfigNode> warmup;  // schedule's `warmup`: any schedule takes one
  TrainConfig train;
  std::optional<DiagnosticsConfig> diagnostics;  // none: nothing is looked at
  std::optional<FinetuneConfig> finetune;        // none: all weights start anew
  std::vector<PhaseConfig> phases;               // empty: all epochs are one
  std::string given_text;                        // the file as it was given
  std::string resolved_text;       // YAML of what it came to; loads again to the same RunConfig
  std::string facts_text;          // long lists of resolved_text (data_facts.h); "": there are none
  std::string vars_text;           // YAML of the vars' values, which are in nothing else; "": none
  std::vector<std::string> files;  // every file that was read, the given one first
};

/// What a data source knows of itself before it is read.
struct DataFacts {
  std::optional<std::int64_t> classes, vocabulary;
};

struct ConfigOptions {
  std::string path = {};
  std::vector<std::string> sets = {};  // "key=value"
  /// Asked only when an expression needs data.classes or data.vocabulary (`key` is the word after
  /// the dot) and the config does not say it.
  std::function<DataFacts(const TypedNode& source, const std::string& key)> data_facts = {};
  /// Puts what a source finds on the disk into its entry, once all else is right: the resolved
  /// config keeps it. `losses`: what will read its targets.
  std::function<void(TypedNode& source, const std::vector<LossDecl>& losses)> complete_source = {};
  std::vector<Word> layer_types = {};           // empty: types are not checked here
  std::vector<std::string> layer_results = {};  // what results behind the first are called: "h"
  /// Those that another part reads, so that a key in a wrong place can be told where it belongs.
  std::vector<SectionKeys> other_sections = {};
  /// What no loss may be called: names of other metrics, and of columns beside them.
  std::vector<std::string> reserved_names = {};
};

/// Reads a config, with all that it extends and with `sets`. Throws one UserError with all that is
/// wrong.
RunConfig load_config(const ConfigOptions& options);

/// A section of the config that is read here ("data", "train.clip"), for the manual and the schema.
struct SectionDoc {
  std::string path;
  std::string summary;
  std::vector<ParamSpec> params;
};
std::vector<SectionDoc> config_sections();

}  // namespace dl

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/params.h"

namespace dl {

struct PictureBuffers;

enum class DataType { u8, f32, s32 };
std::size_t size_of(DataType type);

/// One thing that a sample has: a picture, a label. `shape` is that of one sample; {} is a single
/// number. Pictures that differ in size have 0 for height and width.
struct Field {
  std::string name;  // "image", "label": what configs call data.image, data.label
  DataType type = DataType::f32;
  std::vector<std::int64_t> shape;
  bool encoded = false;  // pictures that Dataset::decode() gives, not read()
  bool upright = true;   // images from files are turned as EXIF's Orientation says
  /// A number x stands for x * scale + offset in the units of the files; one of each for every
  /// place of the last axis, or none: the units are the same. Doubles, since a float cannot hold
  /// the offset of large numbers that differ little: points of time, identifiers.
  std::vector<double> scale = {}, offset = {};

  std::size_t elements() const;
  std::size_t bytes() const { return elements() * size_of(type); }
};

/// How the samples of a data set relate.
enum class SampleOrder {
  any,      // each stands for itself
  in_time,  // neighbours overlap in time, so that none may be held out by chance
  stream,   // consecutive pieces of one sequence; see BatchOptions::streams
};

/// What a text is cut into.
enum class TokenUnit { character, byte, word };

/// How a text becomes tokens.
struct TokenRule {
  TokenUnit unit = TokenUnit::character;
  bool lowercase = false;  // of words: A to Z become a to z
  bool line_ends = false;  // of words: the end of a line is the token <eos>
};

/// A column of a file, or a dimension of a series, that an input is made of.
struct DataColumn {
  std::string name;
  /// Not empty: it has a place for each of these words, 1 where that is what stands there.
  std::vector<std::string> words = {};
  double offset = 0, scale = 1;     // of numbers: x becomes (x - offset) / scale
  std::optional<double> fill = {};  // what is put in place of a missing number
};

/// What every sample of a data set looks like.
struct DataSpec {
  std::vector<Field> inputs, targets;
  std::optional<std::int64_t> classes = {};   // of the label, where there is one
  std::vector<std::string> class_names = {};  // empty, or one for each class
  /// Empty, or what each place of the features and of the predicted values stands for: a column, or
  /// a column and one of its words ("sex=male").
  std::vector<std::string> feature_names = {}, target_names = {};
  std::vector<DataColumn> columns =
      {};  // likewise: what the last axis of the first input is made of
  std::optional<std::int64_t> vocabulary =
      {};                                    // how many tokens there are, where samples are texts
  std::vector<std::string> tokens = {};      // empty, or the text of each token
  std::optional<TokenRule> token_rule = {};  // where samples are texts
  SampleOrder order = SampleOrder::any;
  bool adjoining = false;      // samples in_time: each begins where the one before it ends
  bool equal_lengths = false;  // samples have an input "length", but it is known to be one for all
};

/// Where the bytes of one sample go: one buffer of Field::bytes() for each input, then for each
/// target. That of an encoded picture is not used.
using SampleBuffers = std::span<const std::span<std::byte>>;

/// The samples of one split, opened and ready.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const DataSpec& spec() const = 0;
  virtual std::size_t size() const = 0;
  /// Writes sample `index` < size(). Any thread may call it at any time; it allocates nothing.
  virtual void read(std::size_t index, SampleBuffers out) const = 0;
  /// Where inputs[0] is encoded, its picture goes to `buffers.decoded`. Any thread may call it at
  /// any time. Throws UserError (ExitCode::data) naming the file when it is no good.
  virtual void decode(std::size_t index, PictureBuffers& buffers) const;
  /// A name for messages: of the sample's file, where it has one.
  virtual std::string sample_name(std::size_t index) const;
  /// What the data itself calls a sample: the value of an `id` column, a date. "": nothing.
  virtual std::string sample_id(std::size_t /*index*/) const { return {}; }
  /// Sentences that a run should tell: samples that were left out.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Metrics of predicting without a network, where the source has such a rule: "baseline_mae".
  virtual std::vector<std::pair<std::string, double>> baselines() const { return {}; }
  /// False: it comes from a file without targets, to be predicted; read() writes -1 or NaN there.
  virtual bool has_targets() const { return true; }
  /// Changes when the content does. Computed when asked for: it looks at every byte.
  virtual std::string fingerprint() const = 0;
};

/// The numbers that a loss can read as targets, in the units of the files.
struct TargetRange {
  double min = 0, max = 1;
  std::string loss;  // its type
};

/// What a user should know, and what to do.
struct Advice {
  std::string what, hint;
};

enum class Split { train, valid, test };
std::string_view split_name(Split split);

/// Where files are looked for.
struct DataPaths {
  std::string data;         // what '@data' stands for
  std::string builtin;      // what '@builtin' stands for: resource_folder() + "/datasets"
  std::string config = {};  // the folder of the config, where relative paths start
  std::string folder = {};  // where they start if there is nothing; "": the working folder

  /// '@data/mnist' -> data + "/mnist", '@builtin/digits' likewise. A relative path is looked for in
  /// `config`, in `folder` and in the working folder: a run may have been moved with its data.
  std::string resolve(const std::string& path) const;
};

/// A source of data as a config names it, validated. It knows what its samples look like without
/// touching the disk, so that `check`, `summary` and `bench` need no data.
class DataSource {
 public:
  virtual ~DataSource() = default;
  virtual const DataSpec& spec() const = 0;
  virtual bool has(Split split) const = 0;
  /// Says, before look_up(), that a loss reads the numbers that are predicted as they stand in the
  /// files: they are not scaled, and one outside of `range` is an error with its place.
  virtual void expect_targets(const TargetRange& /*range*/) {}
  /// Looks on the disk for what the config leaves open: names of classes, splits. Before that,
  /// spec() and has() know only what the config says. Throws UserError (ExitCode::data) when it is
  /// not there, or not as it should be.
  virtual void look_up(const DataPaths&) {}
  /// Sentences on what look_up() guessed, or did not take: a user should see them.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Where numbers are predicted: why there are no classes, and what makes some; none: nothing
  /// does.
  virtual std::optional<Advice> no_classes() const { return std::nullopt; }
  /// Puts what look_up() found into the source's own entry of the config, so that a run keeps it.
  virtual void complete(ConfigNode& /*params*/) const {}
  /// What to do where all samples turn out to be of one class: a hint.
  virtual std::string one_class_hint(const DataPaths& /*paths*/) const {
    return "is that the right file, and the right column of classes?";
  }
  /// Throws UserError (ExitCode::data) naming file and byte offset when a file is missing or
  /// damaged.
  virtual std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const = 0;
  /// A file of this format that is none of the splits, to be predicted; it need have no targets.
  /// Throws UserError where there are no such files.
  virtual std::unique_ptr<Dataset> open_file(const std::string& path) const;
};

/// A row of a source's table that says where its data lie, which is no part of what a run is: they
/// may move.
template <class P>
Param<P> data_path(Param<P> row) {
  row.spec.type = "path";
  return row;
}
/// Whether such a key has a path for its value: some take other things too.
bool names_a_path(const ParamSpec& spec, const ConfigNode& value);

using DataKind = Kind<std::unique_ptr<DataSource>>;
const std::vector<DataKind>& all_data_kinds();

/// What stands under data.source: `{cifar10: {path: ...}}` or `digits`.
std::unique_ptr<DataSource> make_data_source(const TypedNode& source);

}  // namespace dl

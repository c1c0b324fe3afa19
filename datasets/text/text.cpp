#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "core/install_paths.h"
#include "datasets/kinds.h"
#include "datasets/text/token_ids.h"
#include "datasets/text/token_params.h"
#include "datasets/text/tokenizer.h"
#include "datasets/text_file.h"

// A text as one long stream of tokens, of which the next one is to be told.
namespace dl {
namespace {

enum class OnUnknown { error, token };

/// What valid and test are: a file, or a share of `path`.
struct Part {
  std::string file;
  double share = 0;
};

}  // namespace

template <>
struct EnumWords<OnUnknown> {
  static constexpr std::pair<std::string_view, OnUnknown> words[] = {{"error", OnUnknown::error},
                                                                     {"token", OnUnknown::token}};
};
template <>
struct ValueType<Part> {
  static std::string name() { return "float or path"; }
  static Part read(const ConfigNode& node, const Limits& limits) {
    if (node.is_scalar() && !node.quoted() && parse_double(node.text()))
      return {"", ValueType<double>::read(node, limits)};
    return {ValueType<std::string>::read(node, limits), 0};
  }
  static std::string text(const Part& part) { return number_text(part.share); }
};

namespace {

struct Params : TokenParams {
  std::string path, train;
  Part valid, test;
  std::int64_t length = 128;
  bool eos = true;
  OnUnknown unknown = OnUnknown::error;
};

ParamTable<Params> param_table() {
  ParamTable<Params> table = {
      data_path(
          with_default("path", &Params::path,
                       "a text of which train, valid and test are stretches in this order; plain "
                       "or gzip; '@data/...' lies in the data folder")),
      data_path(with_default("train", &Params::train, "instead of path: a text for each split")),
      with_default("valid", &Params::valid, from_to_below(0, 1),
                   "share of path that is for validation; or, beside train, a file"),
      with_default("test", &Params::test, from_to_below(0, 1),
                   "share of path, its end, that is for the test; or, beside train, a file"),
      with_default("length", &Params::length, between(1, 1 << 20),
                   "tokens of a sample: a window, which the next one follows on"),
      with_default("eos", &Params::eos, "of words: the end of a line is the token <eos>"),
      with_default("unknown", &Params::unknown,
                   "of characters: one that train does not have is an error that names its place, "
                   "or the token <unk>. Words always have <unk>"),
  };
  append(table, token_table());
  return table;
}

std::vector<std::string> specials_of(const Params& params) {
  const bool unknown = params.unit == TokenUnit::word ||
                       (params.unit == TokenUnit::character && params.unknown == OnUnknown::token);
  return unknown ? std::vector<std::string>{std::string(kUnknownToken)}
                 : std::vector<std::string>{};
}

constexpr double kRounding = 1e-6;  // 1 - 0.05 - 0.05 is less than 0.9

/// Tokens of a file, from `begin` to before `end`.
struct Stretch {
  std::size_t begin = 0, end = SIZE_MAX;
};

class TextDataset final : public Dataset {
 public:
  TextDataset(DataSpec spec, std::string name, TokenIds tokens, std::size_t first,
              std::vector<std::string> notes)
      : spec_(std::move(spec)),
        name_(std::move(name)),
        tokens_(std::move(tokens)),
        first_(first),
        length_(spec_.inputs[0].elements()),
        notes_(std::move(notes)) {
    if (size() == 0) {
      throw UserError(ExitCode::data,
                      name_ + ": has " + std::to_string(tokens_.size()) + " tokens (" +
                          std::string(unit_name(spec_.token_rule->unit)) +
                          "s), fewer than a sample of " + std::to_string(length_) +
                          " and the one that follows it",
                      "a smaller length, in the source, needs less");
    }
    const std::size_t rest = tokens_.size() - 1 - size() * length_;
    if (rest > 0) {
      notes_.push_back(name_ + ": the last " + std::to_string(rest) + " of " +
                       std::to_string(tokens_.size()) +
                       " tokens do not fill a sample (length) and are left out");
    }
  }

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override {
    return tokens_.size() > 0 ? (tokens_.size() - 1) / length_ : 0;
  }
  std::string sample_name(std::size_t index) const override {
    const std::size_t begin = first_ + index * length_;
    return name_ + ": tokens " + std::to_string(begin) + " to " +
           std::to_string(begin + length_ - 1);
  }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size());
    for (std::size_t k = 0; k < 2; ++k) {
      const std::span<std::int32_t> window(reinterpret_cast<std::int32_t*>(out[k].data()), length_);
      tokens_.copy(index * length_ + k, window);
    }
  }

  std::vector<std::string> notes() const override { return notes_; }
  std::string fingerprint() const override {
    char text[64];
    std::snprintf(text, sizeof text, "%zu tokens, crc32 %08x", tokens_.size(), tokens_.crc32());
    return text;
  }

 private:
  DataSpec spec_;
  std::string name_;
  TokenIds tokens_;
  std::size_t first_, length_;
  std::vector<std::string> notes_;
};

class TextSource final : public DataSource {
 public:
  explicit TextSource(Params params) : params_(std::move(params)), specials_(specials_of(params_)) {
    spec_ = {.inputs = {{"tokens", DataType::s32, {params_.length}}},
             .targets = {{"next", DataType::s32, {params_.length}}},
             .token_rule = TokenRule{params_.unit, params_.lowercase,
                                     params_.unit == TokenUnit::word && params_.eos},
             .order = SampleOrder::stream};
    set_tokens(spec_, known_tokens(params_, specials_));
  }

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override {
    if (split == Split::train) return true;
    const Part& part = split == Split::valid ? params_.valid : params_.test;
    return params_.path.empty() ? !part.file.empty() : part.share > 0;
  }

  void look_up(const DataPaths& paths) override {
    if (!spec_.vocabulary) find_tokens(spec_, text_of(Split::train, paths));
  }
  void complete(ConfigNode& params) const override { complete_vocabulary(spec_, params); }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    const TextFile file = text_of(split, paths);
    DataSpec spec = spec_;
    if (!spec.vocabulary)  // nothing was there when the config was read
      find_tokens(spec, split == Split::train ? file : text_of(Split::train, paths));
    const Stretch stretch = stretch_of(split, file);
    const Vocabulary vocabulary(spec);
    TokenNumbers numbers(vocabulary);
    TokenIds tokens(vocabulary.size());
    for_each_of(stretch, file, [&](std::string_view token, std::size_t offset) {
      tokens.add(numbers.number_of(token, offset));
    });
    tokens.shrink_to_fit();
    std::string name = file.path();
    if (!params_.path.empty()) name += " (" + std::string(split_name(split)) + ")";
    std::vector<std::string> notes;
    numbers.add_note(name, params_.unit, notes);
    return std::make_unique<TextDataset>(std::move(spec), std::move(name), std::move(tokens),
                                         stretch.begin, std::move(notes));
  }

 private:
  TextFile text_of(Split split, const DataPaths& paths) const {
    const std::string& said = !params_.path.empty()   ? params_.path
                              : split == Split::train ? params_.train
                              : split == Split::valid ? params_.valid.file
                                                      : params_.test.file;
    const bool ours = said == "@data/tinyshakespeare.txt";
    TextFile file(paths.resolve(said), ours ? get_data_hint("tinyshakespeare") : "");
    if (params_.unit != TokenUnit::byte) file.make_utf8();
    fold_case(file.text(), *spec_.token_rule);
    return file;
  }

  void find_tokens(DataSpec& spec, const TextFile& file) const {
    TokenCounts counts;
    for_each_of(stretch_of(Split::train, file), file,
                [&](std::string_view token, std::size_t) { counts.add(token); });
    set_tokens(spec, tokens_of(counts, params_, specials_, file.path()));
  }

  /// The file's part of a split. Borders are rounded down, as those of text[:int(0.9 * n)].
  Stretch stretch_of(Split split, const TextFile& file) const {
    if (params_.path.empty()) return {};
    std::size_t count = 0;
    file.with_place([&](std::string_view text) {
      for_each_token(text, *spec_.token_rule, [&](std::string_view, std::size_t) { ++count; });
    });
    const auto border = [&](double share) {
      return static_cast<std::size_t>(std::floor(static_cast<double>(count) * share + kRounding));
    };
    const std::size_t train_end = border(1 - params_.valid.share - params_.test.share),
                      valid_end = border(1 - params_.test.share);
    return split == Split::train   ? Stretch{0, train_end}
           : split == Split::valid ? Stretch{train_end, valid_end}
                                   : Stretch{valid_end, count};
  }

  template <class Body>
  void for_each_of(Stretch stretch, const TextFile& file, const Body& body) const {
    std::size_t number = 0;
    file.with_place([&](std::string_view text) {
      for_each_token(text, *spec_.token_rule, [&](std::string_view token, std::size_t offset) {
        if (number >= stretch.begin && number < stretch.end) body(token, offset);
        ++number;
      });
    });
  }

  Params params_;
  std::vector<std::string> specials_;
  DataSpec spec_;
};

/// One file with shares, or a file for each split.
void check_files(const ConfigNode& node, const Params& params) {
  if (params.path.empty() == params.train.empty()) {
    throw UserError(node.mark(), params.path.empty() ? "missing key 'path' or 'train' (string)"
                                                     : "path and train: give one of them");
  }
  const bool shares = !params.path.empty();
  for (const auto& [key, part] :
       {std::pair("valid", &params.valid), std::pair("test", &params.test)}) {
    const ConfigNode* value = node.find(key);
    if (!value || (part->file.empty() == shares)) continue;
    throw UserError(value->mark(),
                    std::string(key) + (shares ? ": expected a share of path, found '" +
                                                     part->file + "'; files stand beside train"
                                               : ": expected a file beside train, found a share, "
                                                 "which is of path"));
  }
  if (params.valid.share + params.test.share >= 1)
    throw UserError(node.find("valid")->mark(), "valid and test leave nothing for train");
}

void check_consistency(const ConfigNode& node, const Params& params) {
  check_files(node, params);
  expect_words(node, params, "eos");
  const ConfigNode* unknown = node.find("unknown");
  if (unknown && params.unit != TokenUnit::character)
    throw UserError(unknown->mark(), "unknown: only for unit: char");
  const std::vector<std::string> specials = specials_of(params);
  check_token_params(node, params, specials);
  const ConfigNode* list = node.find("vocabulary");
  const auto lacks = [&](std::string_view token) {
    return list && std::ranges::find(params.vocabulary, token) == params.vocabulary.end();
  };
  if (params.unit == TokenUnit::word && params.eos && lacks(kLineEndToken))
    throw UserError(list->mark(),
                    "vocabulary: lacks <eos>, the end of a line; or write eos: false");
  if (params.unit == TokenUnit::character && !specials.empty() && lacks(kUnknownToken))
    throw UserError(list->mark(), "vocabulary: lacks <unk>, which unknown: token stands for");
}

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  check_consistency(node, params);
  return std::make_unique<TextSource>(std::move(params));
}

}  // namespace

DataKind text_kind() {
  return {"text", "a text as a stream of characters, bytes or words, for language models",
          specs_of(param_table()), make};
}

}  // namespace dl

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "datasets/checksum.h"
#include "datasets/class_index.h"
#include "datasets/tables/csv_table.h"

// The rows of a table in memory: numbers scaled, words as the numbers of their categories.
namespace dl {
namespace {

using WordNumbers = std::map<std::string, std::int32_t, std::less<>>;

WordNumbers numbered(const std::vector<std::string>& words) {
  WordNumbers numbers;
  for (const std::string& word : words)
    numbers.emplace(word, static_cast<std::int32_t>(numbers.size()));
  return numbers;
}

class CsvDataset final : public Dataset {
 public:
  CsvDataset(const CsvLayout& layout, CsvFile& file, bool predicting)
      : layout_(layout), path_(file.path()), classes_(layout.spec.class_names) {
    for (const auto& list : layout_.categories) {
      categories_.push_back(numbered(list));
      unseen_.emplace_back();
    }
    file.rewind();
    CsvRows rows(file, layout_, predicting);
    has_targets_ = rows.has_targets();
    while (rows.next()) {
      lines_.push_back(static_cast<std::uint32_t>(file.line()));
      add_features(rows);
      add_target(rows);
      if (rows.has_ids()) ids_.emplace_back(rows.id);
    }
    note_what_is_odd(rows.left_out());
    for (const auto& more : {rows.notes(), file.notes()})
      notes_.insert(notes_.end(), more.begin(), more.end());
  }

  const DataSpec& spec() const override { return layout_.spec; }
  std::size_t size() const override { return lines_.size(); }
  bool has_targets() const override { return has_targets_; }
  std::vector<std::string> notes() const override { return notes_; }
  std::string sample_name(std::size_t index) const override {
    return path_ + ":" + std::to_string(lines_[index]);
  }

  std::string sample_id(std::size_t index) const override {
    return ids_.empty() ? std::string() : ids_[index];
  }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size());
    auto* features = reinterpret_cast<float*>(out[0].data());
    const std::size_t numeric = layout_.numeric.size();
    features = std::copy_n(numbers_.data() + index * numeric, numeric, features);
    const std::int32_t* word = words_.data() + index * categories_.size();
    for (const std::vector<std::string>& list : layout_.categories) {
      std::fill_n(features, list.size(), 0.0F);
      if (*word >= 0) features[*word] = 1.0F;
      features += list.size();
      ++word;
    }
    if (layout_.regression()) {
      std::memcpy(out[1].data(), values_.data() + index * layout_.targets.size(), out[1].size());
    } else {
      std::memcpy(out[1].data(), &labels_[index], sizeof(std::int32_t));
    }
  }

  std::string fingerprint() const override {
    const unsigned long crc =
        checksum(checksum(checksum(checksum(0, numbers_), words_), values_), labels_);
    char text[64];
    std::snprintf(text, sizeof text, "%zu rows, crc32 %08lx", size(), crc);
    return text;
  }

 private:
  struct Unseen {
    std::set<std::string, std::less<>> words;
    std::string first;
    std::uint32_t line = 0;
  };

  void add_features(const CsvRows& rows) {
    for (std::size_t i = 0; i < rows.numbers.size(); ++i) {
      const double number = std::isnan(rows.numbers[i]) ? layout_.fill[i] : rows.numbers[i];
      numbers_.push_back(layout_.numbers.apply(i, number));
    }
    for (std::size_t i = 0; i < rows.words.size(); ++i) {
      const auto at = categories_[i].find(rows.words[i]);
      words_.push_back(at == categories_[i].end() ? -1 : at->second);
      if (words_.back() >= 0 || rows.words[i].empty()) continue;
      if (unseen_[i].words.contains(rows.words[i])) continue;
      if (unseen_[i].words.emplace(rows.words[i]).second && unseen_[i].words.size() == 1) {
        unseen_[i].first = rows.words[i];
        unseen_[i].line = lines_.back();
      }
    }
  }

  void add_target(const CsvRows& rows) {
    if (layout_.regression()) {
      for (std::size_t i = 0; i < rows.values.size(); ++i)
        values_.push_back(layout_.values.apply(i, rows.values[i]));
      return;
    }
    const auto known = classes_.find(rows.label);
    if (!known && !rows.label.empty()) {
      rows.fail_at_label("'" + std::string(rows.label) + "' is none of the classes" +
                         did_you_mean(rows.label, layout_.spec.class_names));
    }
    labels_.push_back(known.value_or(-1));
  }

  void note_what_is_odd(std::size_t left_out) {
    if (size() == 0) {
      throw UserError(ExitCode::data,
                      path_ + (left_out == 0 ? ": there are no rows"
                                             : ": all rows are left out (missing: drop)"));
    }
    if (left_out > 0) {
      notes_.push_back(path_ + ": " + std::to_string(left_out) + " of " +
                       std::to_string(left_out + size()) +
                       " rows are left out, since a value is missing (missing: drop)");
    }
    for (std::size_t i = 0; i < unseen_.size(); ++i) {
      const Unseen& unseen = unseen_[i];
      const std::size_t count = unseen.words.size();
      if (count == 0) continue;
      notes_.push_back(path_ + ": column '" + layout_.categorical[i] + "' has " +
                       std::to_string(count) + (count == 1 ? " value" : " values") +
                       " that train has not (first '" + unseen.first + "' in line " +
                       std::to_string(unseen.line) + "); they count as no category");
    }
  }

  CsvLayout layout_;
  std::string path_;
  bool has_targets_ = true;
  std::vector<WordNumbers> categories_;
  ClassIndex classes_;
  std::vector<Unseen> unseen_;  // of each categorical column
  std::vector<float> numbers_, values_;
  std::vector<std::int32_t> words_, labels_;  // -1: none
  std::vector<std::uint32_t> lines_;
  std::vector<std::string> ids_;  // of each row, where there is a column of them
  std::vector<std::string> notes_;
};

}  // namespace

std::unique_ptr<Dataset> open_csv(const CsvLayout& layout, CsvFile& file, bool predicting) {
  return std::make_unique<CsvDataset>(layout, file, predicting);
}

}  // namespace dl

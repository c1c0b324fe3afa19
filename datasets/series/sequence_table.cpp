#include "datasets/series/sequence_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/text.h"

// Rows in the order of time, as a file has them.
namespace dl {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Reads some columns of a table, row by row.
class ColumnReader {
 public:
  ColumnReader(const CsvFile& file, const std::vector<std::string>& names) {
    for (const std::string& name : names) columns_.push_back(file.index_of(name));
  }

  /// NaN: missing.
  void read(const CsvFile& file, const SequenceLayout& layout,
            const std::optional<TargetRange>& range, std::vector<double>& values) const {
    for (const std::size_t column : columns_) {
      if (!layout.missing_values.contains(file.row()[column].word())) {
        values.push_back(file.number(column));
        const std::string wrong = misfit(range, values.back());
        if (!wrong.empty()) file.fail(column, wrong, "loss: mse predicts any number");
        continue;
      }
      if (layout.missing == SequenceMissing::error) {
        file.fail(column, "the value is missing",
                  "missing: previous, in the source, takes the value before it");
      }
      values.push_back(kNone);
    }
  }

  /// Puts the value before it in the place of each missing one.
  void fill(CsvFile& file, const std::vector<std::uint32_t>& lines,
            std::vector<double>& values) const {
    const std::size_t count = columns_.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isnan(values[i])) continue;
      if (i < count) {
        file.return_to(lines[0]);
        file.fail(columns_[i], "the value is missing, and none stands before it");
      }
      values[i] = values[i - count];
    }
  }

 private:
  std::vector<std::size_t> columns_;
};

/// Rows of `columns` numbers in the order `order`.
void reorder(std::vector<double>& values, std::size_t columns,
             const std::vector<std::size_t>& order) {
  std::vector<double> sorted;
  sorted.reserve(values.size());
  for (const std::size_t row : order) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * columns);
    sorted.insert(sorted.end(), first, first + static_cast<std::ptrdiff_t>(columns));
  }
  values = std::move(sorted);
}

/// What dates say of a table's rows.
class Calendar {
 public:
  Calendar(const CsvFile& file, const SequenceLayout& layout, bool required) : layout_(layout) {
    if (layout.date.empty()) return;
    column_ = required ? file.index_of(layout.date) : file.find(layout.date);
  }

  void read(const CsvFile& file) {
    if (!column_) return;
    const std::string_view word = file.row()[*column_].word();
    const auto time = layout_.date_format.parse(word);
    if (!time) {
      file.fail(*column_,
                "'" + std::string(word.substr(0, 40)) + "' is not written as '" +
                    layout_.date_format.pattern() + "' says",
                "date_format, in the source, says how dates are written");
    }
    times_.push_back(*time);
    words_.emplace_back(word);
  }

  /// Brings the rows in order.
  void sort(CsvFile& file, SequenceTable& table) {
    if (!column_) return;
    std::vector<std::size_t> order(times_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t row) { return times_[row]; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (times_[order[i - 1]] < times_[order[i]]) continue;
      file.return_to(table.lines[order[i]]);
      file.fail(*column_,
                "'" + words_[order[i]] + "' stands in line " +
                    std::to_string(table.lines[order[i - 1]]) +
                    " too, and a row is a point in time",
                "ignore: [" + layout_.date + "], in the source, takes the rows as they stand");
    }
    if (!std::ranges::is_sorted(order)) {
      table.notes.push_back(table.path + ": its rows are sorted by '" + layout_.date + "'");
      reorder(table.inputs, layout_.columns.size(), order);
      if (table.has_targets) reorder(table.values, layout_.targets.size(), order);
    }
    const std::vector<std::uint32_t> lines = table.lines;
    std::vector<double> times;
    for (std::size_t i = 0; i < order.size(); ++i) {
      table.lines[i] = lines[order[i]];
      table.dates.push_back(words_[order[i]]);
      times.push_back(times_[order[i]]);
    }
    const DateSteps steps(layout_.date_format, std::move(times));
    table.dates.push_back(steps.next());
    if (steps.uneven() > 0) {
      table.notes.push_back(table.path + ": " + std::to_string(steps.uneven()) +
                            " of its rows do not come as long after the row before as most do, "
                            "the first at " +
                            steps.first_uneven() + "; windows count rows, not time");
    }
  }

 private:
  const SequenceLayout& layout_;
  std::optional<std::size_t> column_;
  std::vector<double> times_;
  std::vector<std::string> words_;
};

[[noreturn]] void fail_as_ambiguous(const CsvFile& file, std::size_t column,
                                    const std::vector<DateFormat>& formats) {
  throw UserError(
      ExitCode::data,
      file.path() + ": column '" + file.columns()[column] + "' may have the day or the month first",
      "date_format: '" + formats[0].pattern() + "' or '" + formats[1].pattern() +
          "', in the source, says which");
}

[[noreturn]] void fail_as_words(CsvFile& file, std::size_t column, std::size_t line) {
  file.return_to(line);
  const std::string word(file.row()[column].word().substr(0, 40));
  if (has_decimal_comma(word)) file.number(column);  // fails, with a hint
  const std::string& name = file.columns()[column];
  file.fail(column, "expected a number, found '" + word + "'",
            "ignore: [" + name + "], in the source, leaves the column out; columns: [...] lists " +
                "those that count; date: " + name + " and date_format take it for dates");
}

/// What stands in a column, row by row.
class SeenInTime {
 public:
  void add(std::string_view word, bool missing, std::size_t line) {
    dates_.add(word);
    const auto number = missing ? std::optional(kNone) : parse_double(word);
    if (!number) {
      if (word_line_ == 0) word_line_ = line;
      return;
    }
    counts_rows_ = counts_rows_ && (rows_ == 0 || *number == last_ + 1);
    last_ = *number;
    ++rows_;
  }
  bool is_numeric() const { return word_line_ == 0; }
  bool counts_rows() const { return counts_rows_ && rows_ > 1; }
  std::size_t first_word_line() const { return word_line_; }
  std::vector<DateFormat> formats() const { return dates_.fitting(); }

 private:
  DateFormatFinder dates_;
  std::size_t rows_ = 0, word_line_ = 0;
  double last_ = 0;
  bool counts_rows_ = true;
};

}  // namespace

DateFormat find_date_format(CsvFile& file, std::size_t column) {
  DateFormatFinder finder;
  file.rewind();
  while (file.next()) finder.add(file.row()[column].word());
  const std::vector<DateFormat> formats = finder.fitting();
  if (formats.size() > 1) fail_as_ambiguous(file, column, formats);
  if (!formats.empty()) return formats[0];
  throw UserError(ExitCode::data,
                  file.path() + ": column '" + file.columns()[column] +
                      "' holds dates that are written in no usual way, or not all in the same",
                  "date_format: '%Y-%m-%d %H:%M', in the source, says how they are written");
}

SequenceColumns find_sequence_columns(CsvFile& file, const SequenceLayout& layout,
                                      const std::vector<std::string>& ignored) {
  SequenceColumns found;
  found.date = layout.date;
  found.date_format = layout.date_format;
  std::vector<SeenInTime> seen(file.columns().size());
  file.rewind();
  while (file.next()) {
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const std::string_view word = file.row()[i].word();
      seen[i].add(word, layout.missing_values.contains(word), file.line());
    }
  }
  const std::set<std::string, std::less<>> not_wanted(ignored.begin(), ignored.end()),
      listed(layout.columns.begin(), layout.columns.end()),
      targets(layout.targets.begin(), layout.targets.end());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const std::string& name = file.columns()[i];
    if (not_wanted.contains(name) || listed.contains(name) || name == layout.date) continue;
    if (seen[i].is_numeric()) {
      if (!file.has_name(i) && seen[i].counts_rows() && !targets.contains(name)) {
        found.left_out.push_back("'" + name + "' (without a name, counts the rows)");
      } else {
        found.columns.push_back(name);
      }
      continue;
    }
    const std::vector<DateFormat> formats = seen[i].formats();
    if (formats.size() > 1 && found.date.empty()) fail_as_ambiguous(file, i, formats);
    if (formats.size() == 1 && found.date.empty()) {
      found.date = name;
      found.date_format = formats[0];
    } else if (layout.columns.empty()) {
      fail_as_words(file, i, seen[i].first_word_line());
    }
  }
  return found;
}

SequenceTable read_sequence_table(CsvFile& file, const SequenceLayout& layout, bool need_targets) {
  SequenceTable table{.path = file.path()};
  table.has_targets = need_targets || std::ranges::all_of(layout.targets, [&](const auto& name) {
                        return file.find(name).has_value();
                      });
  const ColumnReader inputs(file, layout.columns);
  const ColumnReader targets(file, table.has_targets ? layout.targets : std::vector<std::string>{});
  Calendar calendar(file, layout, need_targets);
  file.rewind();
  while (file.next()) {
    inputs.read(file, layout, std::nullopt, table.inputs);
    targets.read(file, layout, need_targets ? layout.range : std::nullopt, table.values);
    calendar.read(file);
    table.lines.push_back(static_cast<std::uint32_t>(file.line()));
  }
  if (table.rows() == 0) throw UserError(ExitCode::data, file.path() + ": there are no rows");
  table.notes = file.notes();
  calendar.sort(file, table);
  inputs.fill(file, table.lines, table.inputs);
  targets.fill(file, table.lines, table.values);
  return table;
}

}  // namespace dl

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// How points in time are written: strftime's %Y %m %d %H %M %S %y %b, %f (fractions of a second)
/// and %z, or the word number, for which any number is one.
class DateFormat {
 public:
  explicit DateFormat(std::string pattern) : pattern_(std::move(pattern)) {}

  const std::string& pattern() const { return pattern_; }
  /// Microseconds since 1970, or the number; none: the text is not written so.
  std::optional<double> parse(std::string_view text) const;
  std::string text(double time) const;
  bool is_number() const;

 private:
  std::string pattern_;
};

/// Whether a config may say it; "": it may, else what is wrong.
std::string pattern_fault(const std::string& pattern);

/// Finds how the dates of a column are written, in the order of its rows.
class DateFormatFinder {
 public:
  DateFormatFinder();
  void add(std::string_view word);
  /// The usual ways of writing, and plain numbers, that fit all words: none, one, or two where day
  /// and month cannot be told apart ("01/02/2024"), be it by the order of the rows.
  std::vector<DateFormat> fitting() const;

 private:
  struct Candidate {
    DateFormat format;
    double last = 0;
    bool rises = true, falls = true;
    bool add(std::string_view word, bool is_first);
  };
  std::vector<Candidate> candidates_;
  bool empty_ = true;
};

/// How times follow on each other, which must ascend.
class DateSteps {
 public:
  DateSteps(DateFormat format, std::vector<double> times);

  /// How the time after the last one is written; "after 2024-03-01" where times are not even.
  std::string next() const;
  /// How many times do not come as long after the one before as most do; the first of them.
  std::size_t uneven() const { return uneven_; }
  std::string first_uneven() const;

 private:
  enum class Unit { time, months, month_ends, weekdays };
  double shifted(double time) const;
  bool fits(Unit unit, double step);

  DateFormat format_;
  std::vector<double> times_;
  Unit unit_ = Unit::time;
  double step_ = 0;  // microseconds, the number's units, or months
  std::size_t uneven_ = 0, first_uneven_ = 0;
};

}  // namespace dl

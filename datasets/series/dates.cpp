#include "datasets/series/dates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>

#include "core/text.h"

namespace dl {
namespace {

namespace ch = std::chrono;

constexpr std::string_view kNumber = "number";
constexpr double kSecond = 1e6, kDay = 86'400 * kSecond;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// A point in time by its parts.
struct Parts {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, micros = 0;
  int offset_minutes = 0;
};

/// Cuts up to `most` digits off the front; none: there are none.
std::optional<int> take_int(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t count = 0;
  int value = 0;
  for (; count < std::min(most, text.size()) && text[count] >= '0' && text[count] <= '9'; ++count)
    value = 10 * value + (text[count] - '0');
  if (count < least) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool take_micros(std::string_view& text, int& micros) {
  const std::size_t before = text.size();
  const auto value = take_int(text, 1, 6);
  if (!value) return false;
  micros = *value;
  for (std::size_t digits = before - text.size(); digits < 6; ++digits) micros *= 10;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') text.remove_prefix(1);
  return true;
}

bool take_month_name(std::string_view& text, int& month) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (!text.starts_with(kMonths[i])) continue;
    month = static_cast<int>(i) + 1;
    text.remove_prefix(kMonths[i].size());
    return true;
  }
  return false;
}

/// "+01:00", "-0530".
bool take_offset(std::string_view& text, int& minutes) {
  if (!text.starts_with('+') && !text.starts_with('-')) return false;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_int(text, 2, 2);
  if (text.starts_with(':')) text.remove_prefix(1);
  const auto rest = take_int(text, 2, 2);
  if (!hours || !rest || *rest > 59) return false;
  minutes = sign * (60 * *hours + *rest);
  return true;
}

bool take_part(char key, std::string_view& text, Parts& parts) {
  const auto number = [&](int& part, std::size_t least, std::size_t most, int low, int high) {
    const auto value = take_int(text, least, most);
    if (value) part = *value;
    return value && *value >= low && *value <= high;
  };
  switch (key) {
    case 'Y':
      return number(parts.year, 4, 4, 1, 9999);
    case 'y': {
      const bool good = number(parts.year, 2, 2, 0, 99);
      parts.year += parts.year < 69 ? 2000 : 1900;  // as POSIX has it
      return good;
    }
    case 'm':
      return number(parts.month, 1, 2, 1, 12);
    case 'd':
      return number(parts.day, 1, 2, 1, 31);
    case 'H':
      return number(parts.hour, 1, 2, 0, 23);
    case 'M':
      return number(parts.minute, 2, 2, 0, 59);
    case 'S':
      return number(parts.second, 2, 2, 0, 59);
    case 'f':
      return take_micros(text, parts.micros);
    case 'b':
      return take_month_name(text, parts.month);
    default:
      return take_offset(text, parts.offset_minutes);
  }
}

ch::year_month_day date_of(const Parts& parts) {
  return ch::year(parts.year) / ch::month(static_cast<unsigned>(parts.month)) /
         ch::day(static_cast<unsigned>(parts.day));
}

std::optional<double> time_of(const Parts& parts) {
  const ch::year_month_day date = date_of(parts);
  if (!date.ok()) return std::nullopt;
  const double days = ch::sys_days(date).time_since_epoch().count();
  const double minutes = 60.0 * parts.hour + parts.minute - parts.offset_minutes;
  return days * kDay + (60 * minutes + parts.second) * kSecond + parts.micros;
}

Parts parts_of(double time) {
  const double days = std::floor(time / kDay);
  auto rest = static_cast<std::int64_t>(std::llround(time - days * kDay));
  const ch::year_month_day date{ch::sys_days(ch::days(static_cast<int>(days)))};
  Parts parts{.year = static_cast<int>(date.year()),
              .month = static_cast<int>(static_cast<unsigned>(date.month())),
              .day = static_cast<int>(static_cast<unsigned>(date.day()))};
  parts.micros = static_cast<int>(rest % 1'000'000);
  rest /= 1'000'000;
  parts.second = static_cast<int>(rest % 60);
  parts.minute = static_cast<int>(rest / 60 % 60);
  parts.hour = static_cast<int>(rest / 3600);
  return parts;
}

std::string padded(int value, int digits) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%0*d", digits, value);
  return text.data();
}

std::string part_text(char key, const Parts& parts) {
  switch (key) {
    case 'Y':
      return padded(parts.year, 4);
    case 'y':
      return padded(parts.year % 100, 2);
    case 'm':
      return padded(parts.month, 2);
    case 'd':
      return padded(parts.day, 2);
    case 'H':
      return padded(parts.hour, 2);
    case 'M':
      return padded(parts.minute, 2);
    case 'S':
      return padded(parts.second, 2);
    case 'f':
      return padded(parts.micros, 6);
    case 'b':
      return std::string(kMonths[static_cast<std::size_t>(parts.month - 1)]);
    default:
      return "+00:00";
  }
}

std::int64_t month_of(double time) {
  const Parts parts = parts_of(time);
  return 12LL * parts.year + parts.month - 1;
}

double begin_of_month(std::int64_t month) {
  return *time_of(
      {.year = static_cast<int>(month / 12), .month = static_cast<int>(month % 12) + 1});
}

double within_month(double time) { return time - begin_of_month(month_of(time)); }

double to_month_end(double time) { return begin_of_month(month_of(time) + 1) - time; }

bool is_weekday(double time) {
  const auto days = static_cast<int>(std::floor(time / kDay));
  const unsigned day = ch::weekday(ch::sys_days(ch::days(days))).iso_encoding();
  return day <= 5;
}

double next_weekday(double time) {
  do time += kDay;
  while (!is_weekday(time));
  return time;
}

}  // namespace

bool DateFormat::is_number() const { return pattern_ == kNumber; }

std::optional<double> DateFormat::parse(std::string_view text) const {
  if (is_number()) {
    const auto value = parse_double(text);
    return value && std::isfinite(*value) ? value : std::nullopt;
  }
  Parts parts;
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    if (pattern_[i] == '%') {
      if (!take_part(pattern_[++i], text, parts)) return std::nullopt;
    } else if (text.starts_with(pattern_[i])) {
      text.remove_prefix(1);
    } else {
      return std::nullopt;
    }
  }
  return text.empty() ? time_of(parts) : std::nullopt;
}

std::string DateFormat::text(double time) const {
  if (is_number()) return number_text(time);
  const Parts parts = parts_of(time);
  std::string out;
  for (std::size_t i = 0; i < pattern_.size(); ++i)
    out += pattern_[i] == '%' ? part_text(pattern_[++i], parts) : std::string(1, pattern_[i]);
  return out;
}

std::string pattern_fault(const std::string& pattern) {
  constexpr std::string_view kKeys = "YymdHMSfbz";
  if (pattern == kNumber) return "";
  bool year = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    const char key = ++i < pattern.size() ? pattern[i] : '\0';
    if (kKeys.find(key) == std::string_view::npos || key == '\0')
      return "'" + pattern + "' may hold %Y %m %d %H %M %S %y %b %f and %z";
    year |= key == 'Y' || key == 'y';
  }
  return year ? "" : "'" + pattern + "' has no year; an example is '%Y-%m-%d %H:%M'";
}

DateFormatFinder::DateFormatFinder() {
  for (const char* pattern : {"number", "%Y-%m", "%Y/%m", "%b %Y", "%b-%y"})
    candidates_.push_back({DateFormat(pattern)});
  for (const char* day : {"%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y"}) {
    candidates_.push_back({DateFormat(day)});
    for (const std::string clock : {"%H:%M", "%H:%M:%S", "%H:%M:%S.%f"}) {
      for (const char* between : {" ", "T"}) {
        for (const char* end : {"", "Z", "%z"})
          candidates_.push_back({DateFormat(day + (between + clock) + end)});
      }
    }
  }
}

bool DateFormatFinder::Candidate::add(std::string_view word, bool is_first) {
  const auto time = format.parse(word);
  if (!time) return false;
  rises = rises && (is_first || *time >= last);
  falls = falls && (is_first || *time <= last);
  last = *time;
  return true;
}

void DateFormatFinder::add(std::string_view word) {
  std::erase_if(candidates_, [&](Candidate& one) { return !one.add(word, empty_); });
  empty_ = false;
}

std::vector<DateFormat> DateFormatFinder::fitting() const {
  if (empty_) return {};
  const auto in_order = [](const Candidate& one) { return one.rises || one.falls; };
  const bool order_tells = std::ranges::count_if(candidates_, in_order) == 1;
  std::vector<DateFormat> formats;
  for (const Candidate& one : candidates_) {
    if (!order_tells || in_order(one)) formats.push_back(one.format);
  }
  return formats;
}

DateSteps::DateSteps(DateFormat format, std::vector<double> times)
    : format_(std::move(format)), times_(std::move(times)) {
  if (times_.size() < 2) return;
  std::map<double, std::size_t> counts;
  for (std::size_t i = 1; i < times_.size(); ++i) ++counts[times_[i] - times_[i - 1]];
  const double usual =
      std::ranges::max_element(counts, {}, [](const auto& pair) { return pair.second; })->first;
  if (format_.is_number()) {
    fits(Unit::time, usual);
    return;
  }
  // Months first: two of them in a row may have equally many days.
  const auto months = static_cast<double>(month_of(times_[1]) - month_of(times_[0]));
  if (months > 0 && (fits(Unit::months, months) || fits(Unit::month_ends, months))) return;
  if (fits(Unit::time, usual)) return;
  const bool weekdays = counts.begin()->first == kDay && std::ranges::all_of(times_, is_weekday);
  if (!weekdays || !fits(Unit::weekdays, 1)) fits(Unit::time, usual);
}

/// Takes it; whether all times follow so.
bool DateSteps::fits(Unit unit, double step) {
  unit_ = unit;
  step_ = step;
  uneven_ = 0;
  for (std::size_t i = 1; i < times_.size(); ++i) {
    if (shifted(times_[i - 1]) == times_[i]) continue;
    if (++uneven_ == 1) first_uneven_ = i;
  }
  return uneven_ == 0;
}

double DateSteps::shifted(double time) const {
  if (unit_ == Unit::time) return time + step_;
  if (unit_ == Unit::weekdays) return next_weekday(time);
  const std::int64_t later = month_of(time) + static_cast<std::int64_t>(step_);
  return unit_ == Unit::months ? begin_of_month(later) + within_month(time)
                               : begin_of_month(later + 1) - to_month_end(time);
}

std::string DateSteps::next() const {
  const bool even = times_.size() > 1 && uneven_ == 0;
  return even ? format_.text(shifted(times_.back())) : "after " + format_.text(times_.back());
}

std::string DateSteps::first_uneven() const { return format_.text(times_[first_uneven_]); }

}  // namespace dl

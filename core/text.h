#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// Bytes of the UTF-8 character at the front of `text`, or 0 when there is none (not UTF-8, empty).
std::size_t utf8_length(std::string_view text);

/// Whether it is UTF-8 without control characters; the tabulator is none here.
bool is_text(std::string_view text);

/// Text from data or configs made safe for a terminal: control characters, those that change the
/// direction of writing or are not seen, and broken UTF-8 as \xNN.
std::string escaped(std::string_view text);
/// The same of several lines, whose ends stay.
std::string escaped_lines(std::string_view text);

/// Prints what nobody may be there to read any more: a pipe's reader has gone, the terminal is
/// closed, the disk full. That must not end a run; a failed stdout is seen by ferror() in the end.
void print_if_possible(std::FILE* stream, std::string_view text) noexcept;

/// "a, b, c"
std::string join(std::span<const std::string> parts, std::string_view separator);

std::vector<std::string> split(std::string_view text, char separator);

/// The shortest decimal text that reads back as the same value ("0.1", "1e-05").
std::string number_text(double value);
std::string number_text(float value);

/// The whole text as a number; none when anything is left over or it does not fit the type. What is
/// too small for a double is 0.
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// The word nearest to `word`, whatever the case of letters, or none when nothing is near (edit
/// distance over a third of its length; all of it, of a single letter).
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean 'x'?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// A word of configs, and what other tools call the same thing.
struct Word {
  std::string name;
  std::vector<std::string> others = {};

  Word(std::string_view name, std::vector<std::string> others = {})
      : name(name), others(std::move(others)) {}
  Word(const std::string& name) : name(name) {}
  Word(const char* name) : name(name) {}
};
/// The name of the word that goes by `word` elsewhere: it is one of its other names, or differs
/// from one of its names in case, in underscores or in an ending of other tools (2d, _loss, LR).
std::optional<std::string> known_elsewhere(std::string_view word, std::span<const Word> words);
/// As above; what goes by that name elsewhere comes before what is spelt like it.
std::string did_you_mean(std::string_view word, std::span<const Word> words);

/// `candidates` in the order of how near they are to `word`; equally near ones stay in theirs.
std::vector<std::string> nearest_first(std::string_view word,
                                       std::span<const std::string> candidates);

/// As a shell reads it back.
std::string shell_word(std::string_view text);

}  // namespace dl

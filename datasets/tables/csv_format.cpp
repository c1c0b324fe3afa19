#include "datasets/tables/csv_format.h"

#include <algorithm>

namespace dl {
namespace {

[[noreturn]] void fail(const ConfigNode& node, const std::string& key, const std::string& message) {
  const ConfigNode* at = node.find(key);
  throw UserError(at ? at->mark() : node.mark(), key + ": " + message);
}

bool is_one_character(const std::string& said) {
  return said.size() == 1 && said != "\r" && said != "\n" && said[0] != '\0';
}

}  // namespace

ParamTable<CsvFormatParams> csv_format_table(const std::string& of_what) {
  return {
      with_default("separator", &CsvFormatParams::separator,
                   of_what + "what stands between fields: one character, or the word tab; a first "
                             "line sep=; of a file says it too")
          .also({"sep", "delimiter"}),
      with_default("quote", &CsvFormatParams::quote,
                   of_what + "the character that fields may stand in, or the word none, for which "
                             "quotes are text like any other; defaults to '\"', and to none where "
                             "a tab separates")
          .also({"quotechar", "quote_char"}),
  };
}

CsvFormat csv_format(const ConfigNode& node, const CsvFormatParams& params, bool header) {
  CsvFormat format{.header = header};
  const std::string& separator = params.separator;
  format.separator_said = node.find("separator") != nullptr;
  if (separator != "tab" && (!is_one_character(separator) || separator == "\""))
    fail(node, "separator", "expected one character or the word tab, found '" + separator + "'");
  format.separator = separator == "tab" ? '\t' : separator[0];
  if (!params.quote) return format;
  const std::string& quote = *params.quote;
  if (quote != "none" && (!is_one_character(quote) || quote[0] == format.separator))
    fail(
        node, "quote",
        "expected one character other than the separator, or the word none, found '" + quote + "'");
  format.quote = quote == "none" ? '\0' : quote[0];
  return format;
}

MissingValues::MissingValues(std::vector<std::string> words) : words_(std::move(words)) {
  for (const std::string& word : words_) {
    if (!word.empty()) first_.set(static_cast<unsigned char>(word[0]));
  }
}

bool MissingValues::is_listed(std::string_view word) const {
  return std::find(words_.begin(), words_.end(), word) != words_.end();
}

std::vector<std::string> usual_missing_values() {
  return {"",    "NA",   "N/A",  "n/a",  "#N/A", "#NA",  "<NA>", "NaN",
          "nan", "-NaN", "-nan", "NULL", "null", "None", "?"};
}

std::string value_hint(std::string_view word) {
  if (word.empty()) return "";
  return "'" + std::string(word) +
         "' counts as missing; missing_values: [], in the source, takes it for a value";
}

}  // namespace dl

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "datasets/dataset.h"
#include "datasets/text_file.h"
#include "engine/config/yaml_file.h"
#include "engine/train/config_lines.h"
#include "engine/train/init_data.h"

namespace dl {
namespace {

constexpr std::size_t kLongest = 4096;  // tokens that are looked at of each text
constexpr std::size_t kLeastWords = 4;  // of what is a text and no category
constexpr std::size_t kShortest = 16, kMostLength = 512;

std::unique_ptr<DataSource> source_of(const std::string& yaml) {
  Problems problems;
  const auto file = std::make_shared<const SourceFile>("dltool init", yaml);
  const ConfigNode node = parse_yaml(file, problems);
  problems.throw_if_any();
  return make_data_source(read_typed(node, "a data source"));
}

/// What texts with classes hold.
struct TextSurvey {
  std::vector<std::string> classes;
  std::size_t texts = 0, length = 0;  // that nine of ten texts do not exceed
  std::int64_t vocabulary = 0;
  bool valid = false, test = false;
};

TextSurvey survey_texts(const std::string& entry) {
  const auto source = source_of(
      fmt::format("labelled_text: {{{}, unit: word, lowercase: true, max_vocabulary: 20000, "
                  "length: {}}}",
                  entry, kLongest));
  source->look_up({});
  const auto train = source->open(Split::train, {});
  const DataSpec& spec = train->spec();
  std::vector<std::int32_t> tokens(kLongest);
  std::int32_t length = 0, label = 0;
  const std::span<std::byte> buffers[] = {std::as_writable_bytes(std::span(tokens)),
                                          std::as_writable_bytes(std::span(&length, 1)),
                                          std::as_writable_bytes(std::span(&label, 1))};
  std::vector<std::int32_t> lengths;
  for (std::size_t i = 0; i < train->size(); ++i) {
    train->read(i, buffers);
    lengths.push_back(length);
  }
  const auto at = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() * 9 / 10);
  std::nth_element(lengths.begin(), at, lengths.end());
  const auto usual = static_cast<std::size_t>((*at + 15) / 16 * 16);
  return {.classes = spec.class_names,
          .texts = train->size(),
          .length = std::clamp(usual, kShortest, kMostLength),
          .vocabulary = *spec.vocabulary,
          .valid = source->has(Split::valid),
          .test = source->has(Split::test)};
}

InitConfig write_texts(const InitData& data, const TextSurvey& survey,
                       const std::vector<std::string>& place) {
  const std::size_t train = survey.valid ? survey.texts : survey.texts * 8 / 10;
  const std::size_t batch = std::min<std::size_t>(batch_for(train), 32);
  const std::string summary =
      fmt::format("one of {} classes of texts, {} to train on, most of at most {} words",
                  survey.classes.size(), survey.texts, survey.length);
  ConfigLines lines;
  lines.comment("Predicts " + summary + ". Written by dltool init.");
  lines.comment("");
  lines.comment("  dltool train " + data.file);
  lines.comment("  dltool predict runs/" + data.name + "-001 " +
                (place.size() > 1 ? "NEW.csv" : "TEXT.txt"));
  lines.line("version: 1\nname: " + yaml_string(data.name));
  lines.line("data:\n  source:\n    labelled_text:");
  for (const std::string& line : place) lines.line("      " + line);
  lines.line("      unit: word" + ConfigLines::remark("char where words are not parted by blanks"));
  lines.line("      lowercase: true");
  lines.line("      max_vocabulary: 20000" +
             ConfigLines::remark(fmt::format("train has {} different tokens; rarer ones are <unk>",
                                             survey.vocabulary)));
  lines.line(fmt::format("      length: {}", survey.length) +
             ConfigLines::remark("tokens; longer texts are cut"));
  lines.line(fmt::format("  batch: {}", batch));
  if (!survey.valid) {
    lines.line("  split: {valid: 0.2}" +
               ConfigLines::remark("held out by seed; it says which epoch is best"));
  }
  lines.line("model:\n  layers:");
  lines.line(
      "    - embedding: {name: embedding, from: data.tokens, num_embeddings: "
      "$data.vocabulary, embedding_dim: 64}");
  lines.line("    - dropout: {name: drop, p: 0.3}");
  lines.line(
      "    - gru: {name: rnn, hidden_size: 64, bidirectional: true, output: last, from: "
      "[drop, data.length]}");
  lines.line("    - dropout: {p: 0.3}");
  lines.line("    - linear: {name: fc, out_features: $data.classes}");
  lines.line("loss: cross_entropy");
  lines.line("optimizer: {adamw: {lr: 0.002, weight_decay: 0.01}}");
  lines.line("schedule: {cosine: {by: step}}");
  lines.line(
      fmt::format("train: {{epochs: {}, clip: {{norm: 1}}}}", epochs_for(600, train, batch)));
  return {lines.take(), summary};
}

}  // namespace

std::string text_column(const TableSurvey& survey, const std::string& target) {
  std::string found;
  for (const ColumnSurvey& column : survey.columns) {
    if (column.name == target || column.words_each < kLeastWords) continue;
    if (!found.empty()) return "";
    found = column.name;
  }
  return found;
}

InitConfig init_text_table(const InitData& data, const TableSurvey& survey) {
  const std::string column = text_column(survey, data.target);
  const auto entries = [&](const std::string& path) {
    std::vector<std::string> lines = {"train: " + yaml_string(path)};
    if (survey.format.separator != ',') {
      const bool tab = survey.format.separator == '\t';
      lines.push_back("separator: " +
                      (tab ? "tab" : yaml_string(std::string(1, survey.format.separator))));
    }
    lines.push_back("text_column: " + yaml_string(column));
    lines.push_back("label_column: " + yaml_string(data.target));
    return lines;
  };
  return write_texts(data, survey_texts(join(entries(data.path), ", ")), entries(data.said));
}

InitConfig init_texts(const InitData& data) {
  const TextSurvey survey = survey_texts("path: " + yaml_string(data.path));
  return write_texts(data, survey, {"path: " + yaml_string(data.said)});
}

InitConfig init_text(const InitData& data) {
  TextFile file(data.path);
  file.make_utf8();
  std::size_t characters = 0;
  bool utf8 = true;
  for (std::string_view rest = file.text(); utf8 && !rest.empty(); ++characters) {
    const std::size_t length = utf8_length(rest.substr(0, 4));
    utf8 = length > 0;
    rest.remove_prefix(length);
  }
  if (!utf8) characters = file.text().size();
  // Each place of a batch follows a stretch of the text: both splits need a window for each.
  std::size_t length = 128, batch = 32;
  while (length > 16 && characters / 20 < length * batch) length /= 2;
  while (batch > 1 && characters / 20 < length * batch) batch /= 2;
  const std::string unit = utf8 ? "characters" : "bytes";
  const std::string summary = fmt::format("the next one of {} {}", characters, unit);
  ConfigLines lines;
  lines.comment("A language model: predicts " + summary + ". Written by dltool init.");
  lines.comment("");
  lines.comment("  dltool train " + data.file);
  lines.comment("  dltool generate runs/" + data.name + "-001");
  lines.line("version: 1\nname: " + yaml_string(data.name));
  lines.line("data:\n  source:\n    text:");
  lines.line("      path: " + yaml_string(data.said));
  lines.line(utf8 ? "      unit: char" + ConfigLines::remark("or word, or byte")
                  : "      unit: byte" + ConfigLines::remark("the text is not UTF-8"));
  lines.line(fmt::format("      length: {}", length) +
             ConfigLines::remark("of a sample; the state goes on from one to the next"));
  lines.line("      valid: 0.1" + ConfigLines::remark("the end of the text"));
  lines.line(fmt::format("  batch: {}", batch));
  lines.line("model:\n  layers:");
  lines.line(
      "    - embedding: {name: embedding, num_embeddings: $data.vocabulary, embedding_dim: "
      "64}");
  lines.line("    - lstm: {name: rnn, hidden_size: 256, stateful: true}");
  lines.line("    - dropout: {p: 0.1}");
  lines.line("    - linear: {name: fc, out_features: $data.vocabulary}");
  lines.line("loss: cross_entropy");
  lines.line("optimizer: {adam: {lr: 0.002}}");
  lines.line("schedule: {cosine: {by: step}}");
  lines.line(fmt::format("train: {{epochs: {}, clip: {{norm: 1}}}}",
                         epochs_for(2000, characters * 9 / 10 / length, batch)));
  return {lines.take(), summary};
}

}  // namespace dl

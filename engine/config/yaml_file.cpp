#include "engine/config/yaml_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

#include "core/error.h"
#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr char kAliasHint[] = "a text that begins with * stands in quotes: '**.bias'";

/// Bytes that a scalar takes on its first line, for the caret.
int source_length(std::string_view rest, const std::string& value) {
  if (!value.empty() && rest.starts_with(value)) return static_cast<int>(value.size());
  if (rest.empty()) return 1;
  const char quote = rest[0];
  if (quote != '\'' && quote != '"')
    return rest[0] == '|' || rest[0] == '>' ? 1 : static_cast<int>(rest.size());
  std::size_t i = 1;
  for (; i < rest.size(); ++i) {
    if (rest[i] == '\\' && quote == '"') {
      ++i;
    } else if (rest[i] == quote) {
      const bool doubled = quote == '\'' && i + 1 < rest.size() && rest[i + 1] == '\'';
      if (!doubled) break;
      ++i;
    }
  }
  return static_cast<int>(std::min(i + 1, rest.size()));
}

/// Builds the tree from yaml-cpp's events, so that nothing is built of what is refused, and
/// yaml-cpp's recursion ends where our limit of depth does.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::shared_ptr<const SourceFile> file) : file_(std::move(file)) {}

  Mark mark(const YAML::Mark& at) const {
    Mark mark;
    mark.file = file_;
    mark.line = std::max(at.line, 0) + 1;
    mark.column = std::max(at.column, 0) + 1;
    return mark;
  }

  bool has_root() const { return root_.has_value(); }
  ConfigNode take_root() { return std::move(*root_); }

  void OnDocumentStart(const YAML::Mark& at) override {
    if (++documents_ > 1)
      throw UserError(mark(at), "a second YAML document begins here; a config is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& at, YAML::anchor_t) override {
    Mark where = begin(at, "");
    const std::string_view rest = rest_of_line(where);
    const bool written = rest.starts_with("~") || rest.starts_with("null") ||
                         rest.starts_with("Null") || rest.starts_with("NULL");
    if (written) {
      where.length = rest[0] == '~' ? 1 : 4;
    } else if (!open_.empty() && open_.back().key) {
      where = open_.back().key_mark;  // `key:` and nothing: yaml-cpp points at whatever comes next
    }
    value(ConfigNode::null(where));
  }

  void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
    throw UserError(mark(at), "YAML aliases (*name) are not allowed", kAliasHint);
  }

  void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    Mark where = begin(at, tag);
    where.length = source_length(rest_of_line(where), text);
    value(ConfigNode::scalar(text, where, tag == "!"));
  }

  void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(ConfigNode::list({}, begin(at, tag)));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(ConfigNode::map({}, begin(at, tag)));
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not come yet; `key` waits for its value.
  struct Open {
    ConfigNode node;
    std::optional<std::string> key;
    Mark key_mark;
  };

  std::string_view rest_of_line(const Mark& where) const {
    const std::string_view line = file_->line(where.line);
    return line.substr(std::min<std::size_t>(where.column - 1, line.size()));
  }

  /// What every value is checked for first. yaml-cpp gives the place of an anchor or tag before its
  /// value.
  Mark begin(const YAML::Mark& at, const std::string& tag) {
    Mark where = mark(at);
    const std::string_view rest = rest_of_line(where);
    if (rest.starts_with('&'))
      throw UserError(where, "YAML anchors (&name) are not allowed", "use vars or blocks");
    if (rest.starts_with('!') || !(tag.empty() || tag == "?" || tag == "!")) {
      throw UserError(where, "YAML tags (!name) are not allowed");
    }
    if (++nodes_ > kMaxConfigNodes) throw UserError(where, "more than 100,000 values in one file");
    return where;
  }

  void open(ConfigNode node) {
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().key) {
      throw UserError(node.mark(), "a key must be a word, found " + node.describe(),
                      "or a bracket is not closed");
    }
    if (open_.size() >= kMaxDepth) throw UserError(node.mark(), "nested over 64 deep");
    open_.push_back({std::move(node), std::nullopt, {}});
  }

  void close() {
    ConfigNode done = std::move(open_.back().node);
    open_.pop_back();
    value(std::move(done));
  }

  void value(ConfigNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = open_.back();
    if (top.node.is_list()) {
      top.node.items().push_back(std::move(node));
    } else if (top.key) {
      top.node.entries().push_back({std::move(*top.key), top.key_mark, std::move(node)});
      top.key.reset();
    } else {
      take_key(top, node);
    }
  }

  void take_key(Open& top, const ConfigNode& node) {
    if (!node.is_scalar() || node.text().empty()) {
      throw UserError(node.mark(), "a key must be a word, found " +
                                       (node.is_scalar() ? "an empty text" : node.describe()));
    }
    top.key = node.text();
    top.key_mark = node.mark();
  }

  std::shared_ptr<const SourceFile> file_;
  std::vector<Open> open_;
  std::optional<ConfigNode> root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

/// Reports and drops keys written twice; yaml-cpp would keep both and say nothing.
void drop_duplicates(ConfigNode& node, Problems& problems) {
  for (ConfigNode& item : node.items()) drop_duplicates(item, problems);
  std::map<std::string, int, std::less<>> first_lines;
  std::erase_if(node.entries(), [&](const ConfigNode::Entry& entry) {
    const auto [first, is_new] = first_lines.emplace(entry.key, entry.key_mark.line);
    if (!is_new) {
      problems.add(entry.key_mark, "key '" + entry.key +
                                       "' is written twice; the first is on line " +
                                       std::to_string(first->second));
    }
    return !is_new;
  });
  for (ConfigNode::Entry& entry : node.entries()) drop_duplicates(entry.value, problems);
}

/// Writes blanks over the quoted scalar that begins at `begin`, line ends apart; gives its last
/// byte.
std::size_t blank_quoted(std::string& text, std::size_t begin) {
  const char quote = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    const bool escape = quote == '"' && text[i] == '\\';
    const bool doubled = quote == '\'' && text.compare(i, 2, "''") == 0;
    if (text[i] == quote && !doubled) return i;
    if ((escape || doubled) && i + 1 < text.size()) text[i++] = ' ';
    if (text[i] != '\n') text[i] = ' ';
  }
  return text.size() - 1;
}

/// The text without what stands in quotes: one opens where a scalar can begin, and not in the
/// middle of one (`don't`) or in a comment.
std::string without_quoted(std::string text) {
  char before = '\n';  // the last character that is no blank
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\n')) comment = true;
    if (c == '\n') comment = false;
    if (comment || c == ' ') continue;
    const bool opens = std::string_view("\n[{,:-").find(before) != std::string_view::npos;
    if (opens && (c == '"' || c == '\'')) i = blank_quoted(text, i);
    before = c;
  }
  return text;
}

/// Flow brackets nested over the limit. yaml-cpp reads ahead to see whether `[[[...` is a key, and
/// would report that instead. Brackets in quotes, in comments and in lines of their own sections do
/// not count.
void check_bracket_depth(const std::shared_ptr<const SourceFile>& file) {
  const std::string text = without_quoted(file->text());
  std::size_t depth = 0;
  Mark mark{file, 1, 0, 1};
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (line_start) {
      mark.line += i > 0;
      mark.column = 0;
      comment = false;
      if (std::isalpha(static_cast<unsigned char>(c))) depth = 0;
    }
    ++mark.column;
    if (c == '#' && (line_start || text[i - 1] == ' ')) comment = true;
    if (comment) continue;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if ((c == '[' || c == '{') && ++depth > kMaxDepth) throw UserError(mark, "nested over 64 deep");
  }
}

/// The first line that holds bytes that are no text, from 1; 0: none does.
int first_line_of_bytes(const SourceFile& file) {
  int number = 1;
  for (std::string_view rest = file.text(); !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = file.line(number);
    if (!is_text(line)) return number;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return 0;
}

/// Refuses bytes that are no text, with their place: an image or a checkpoint given for a config.
void check_is_text(const std::shared_ptr<const SourceFile>& file) {
  const int line = first_line_of_bytes(*file);
  if (line == 0) return;
  throw UserError(ExitCode::config, file->path() + " is not a text file: line " +
                                        std::to_string(line) +
                                        " holds a byte that is neither UTF-8 nor printable");
}

/// yaml-cpp's words for what goes wrong most often, said so that they help. The words are those of
/// the version that is there, and some versions add a name behind them.
std::string in_plain_words(const std::string& message) {
  namespace theirs = YAML::ErrorMsg;
  static const std::pair<std::string_view, std::string_view> words[] = {
      {theirs::MAP_VALUE, "a ':' where none can be, or the indentation of this line is off"},
      {theirs::MAP_KEY, "a '?' where none can be"},
      {theirs::END_OF_MAP, "the indentation of this line is off: no key above begins there"},
      {theirs::END_OF_MAP_FLOW, "this { is not closed"},
      {theirs::END_OF_SEQ_FLOW, "this [ is not closed"},
      {theirs::FLOW_END, "nothing is open that this could close"},
      {theirs::EOF_IN_SCALAR, "a quote is not closed"},
      {theirs::DOC_IN_SCALAR, "a quote is not closed"},
      {theirs::BLOCK_ENTRY, "a '-' where none can be"},
      {theirs::UNKNOWN_TOKEN, "no value can begin with this character"},
      {theirs::UNKNOWN_ANCHOR, "YAML aliases (*name) are not allowed"},
  };
  for (const auto& [beginning, ours] : words) {
    if (message.starts_with(beginning)) return std::string(ours);
  }
  return message;
}

std::string syntax_hint(const std::string& text, const Mark& mark) {
  const std::string_view line = mark.file->line(mark.line);
  const std::string_view rest = line.substr(std::min<std::size_t>(mark.column - 1, line.size()));
  if (rest.starts_with('@')) return "a text that begins with @ stands in quotes: '@data/...'";
  if (rest.starts_with('*')) return kAliasHint;
  return text.find('\t') != std::string::npos ? "YAML is indented with blanks, not with tabs" : "";
}

}  // namespace

ConfigNode parse_yaml(const std::shared_ptr<const SourceFile>& file, Problems& problems,
                      std::size_t begin) {
  check_is_text(file);
  check_bracket_depth(file);
  std::string text = file->text();
  std::fill(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(begin), ' ');
  std::istringstream stream(text);
  TreeBuilder builder(file);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const Mark mark = builder.mark(error.mark);
    throw UserError(mark, "not valid YAML: " + in_plain_words(error.msg), syntax_hint(text, mark));
  }
  Mark start;
  start.file = file;
  ConfigNode root = builder.has_root() ? builder.take_root() : ConfigNode::null(start);
  drop_duplicates(root, problems);
  return root;
}

ConfigNode read_yaml_file(const std::string& path, Problems& problems, const Mark& asked_at) {
  const auto fail = [&](const std::string& message) -> UserError {
    if (asked_at.valid()) return UserError(asked_at, message);
    return UserError(ExitCode::config, message);
  };
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    throw fail("no config at '" + path + "': " + (error ? error.message() : "no such file"));
  if (std::filesystem::is_directory(status)) throw fail("'" + path + "' is a folder, not a config");
  if (!std::filesystem::is_regular_file(status)) throw fail("'" + path + "' is not a regular file");
  if (std::filesystem::file_size(path, error) > kMaxBytes)
    throw fail("'" + path + "' is larger than 4 MB");
  std::ifstream stream(path, std::ios::binary);
  std::string text, block(1 << 16, '\0');
  while (stream && text.size() <= kMaxBytes) {  // what is no file on a disk tells no size
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block, 0, static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.eof() && !stream.good())
    throw fail("cannot read '" + path +
               "': " + std::error_code(errno, std::generic_category()).message());
  if (text.size() > kMaxBytes) throw fail("'" + path + "' is larger than 4 MB");
  if (text.starts_with("\xEF\xBB\xBF"))
    text.erase(0, 3);  // a byte order mark would shift the columns of line 1
  ConfigNode root = parse_yaml(std::make_shared<SourceFile>(path, std::move(text)), problems);
  if (root.is_null()) throw fail("'" + path + "' is empty");
  return root;
}

void expect_readable(const std::string& text, const Mark& mark) {
  if (text.size() > kMaxBytes)
    throw UserError(mark, "the resolved config comes to " + std::to_string(text.size()) +
                              " bytes, more than the 4 MB that a config may have");
  if (const int line = first_line_of_bytes(SourceFile("config.resolved.yaml", text)); line > 0) {
    std::istringstream lines(text);
    std::string found;
    for (int i = 0; i < line; ++i) std::getline(lines, found);
    throw UserError(mark,
                    "the resolved config would hold a byte that is neither UTF-8 nor "
                    "printable: " +
                        escaped(found));
  }
}

std::size_t count_nodes(const ConfigNode& node) {
  std::size_t count = 1;
  for (const ConfigNode& item : node.items()) count += count_nodes(item);
  for (const ConfigNode::Entry& entry : node.entries()) count += count_nodes(entry.value);
  return count;
}

}  // namespace dl

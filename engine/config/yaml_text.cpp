#include "engine/config/yaml_text.h"

#include <algorithm>
#include <cctype>

#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kLineLength = 100;

bool is_plain(const std::string& text, bool quoted) {
  const auto safe = [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_./+-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (text.empty() || !std::all_of(text.begin(), text.end(), safe)) return false;
  if (std::none_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c); }))
    return false;
  if (text == "null" || text == "Null" || text == "NULL") return false;
  const bool means_more =
      parse_double(text) || parse_int(text) || text == "true" || text == "false";
  return !quoted || !means_more;
}

std::string double_quoted(const std::string& text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1_control =
        c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c == '"' || c == '\\') {
      out += {'\\', text[i]};
    } else if (c < 0x20 || c == 0x7F || c1_control) {
      const unsigned char code = c1_control ? static_cast<unsigned char>(text[++i]) : c;
      out += {'\\', 'x', hex[code >> 4], hex[code & 15]};
    } else {
      out += text[i];
    }
  }
  return out + '"';
}

std::string scalar_text(const std::string& text, bool quoted) {
  std::string escaped_dollars;
  for (const char c : text) escaped_dollars += c == '$' ? "$$" : std::string(1, c);
  return is_plain(escaped_dollars, quoted) ? escaped_dollars : double_quoted(escaped_dollars);
}

std::string key_text(const std::string& key) {
  return is_plain(key, true) ? key : double_quoted(key);
}

std::string flow(const ConfigNode& node) {
  std::string out;
  switch (node.kind()) {
    case ConfigNode::Kind::null:
      return "~";
    case ConfigNode::Kind::scalar:
      return scalar_text(node.text(), node.quoted());
    case ConfigNode::Kind::list:
      for (const ConfigNode& item : node.items()) out += (out.empty() ? "" : ", ") + flow(item);
      return "[" + out + "]";
    case ConfigNode::Kind::map:
      break;
  }
  for (const ConfigNode::Entry& entry : node.entries()) {
    out += (out.empty() ? "" : ", ") + key_text(entry.key) + ": " + flow(entry.value);
  }
  return "{" + out + "}";
}

/// `conv: {...}` reads better than `{conv: {...}}`.
std::string item_text(const ConfigNode& item) {
  if (!item.is_map() || item.entries().size() != 1) return flow(item);
  return key_text(item.entries()[0].key) + ": " + flow(item.entries()[0].value);
}

/// A map's entries a line each; what does not fit a line goes below its key.
void block(const ConfigNode& map, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const ConfigNode::Entry& entry : map.entries()) {
    out += margin + key_text(entry.key) + ":";
    const ConfigNode& value = entry.value;
    const std::string line = flow(value);
    const bool fits = indent + entry.key.size() + line.size() + 2 <= kLineLength;
    if (value.is_map() && !fits) {
      out += '\n';
      block(value, indent + 2, out);
    } else if (value.is_list() && !fits) {
      out += '\n';
      for (const ConfigNode& item : value.items()) out += margin + "  - " + item_text(item) + '\n';
    } else {
      out += ' ' + line + '\n';
    }
  }
}

}  // namespace

std::string yaml_text(const ConfigNode& node) {
  if (!node.is_map() || node.entries().empty()) return flow(node) + '\n';
  std::string out;
  block(node, 0, out);
  return out;
}

std::string yaml_string(const std::string& text) { return scalar_text(text, true); }

}  // namespace dl

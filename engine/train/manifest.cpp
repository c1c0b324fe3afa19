#include "engine/train/manifest.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/text.h"

namespace dl {
namespace {

constexpr std::string_view kHead = "dltool checkpoint 1";
constexpr std::size_t kMaxBytes = 65'536;

std::string with_checksum(const std::string& body) {
  return body + "MANIFEST " + sha256_hex(body) + "\n";
}

/// The lines between head and checksum; none when one is not as manifest_text writes it.
std::optional<Manifest> parse(const std::vector<std::string>& lines) {
  Manifest manifest;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> words = split(lines[i], ' ');
    if (i == 1 || words.size() == 3) {
      const auto number = words.size() > 1 ? parse_int(words[1]) : std::nullopt;
      if (!number || *number < 0) return std::nullopt;
      if (i == 1)
        manifest.step = *number;
      else
        manifest.files.push_back({words[0], {static_cast<std::uint64_t>(*number), words[2]}});
    } else if (i == 2) {
      manifest.best = lines[i] == "best yes";
    }
  }
  return manifest;
}

}  // namespace

const FileDigest* Manifest::find(const std::string& name) const {
  for (const auto& [file, digest] : files) {
    if (file == name) return &digest;
  }
  return nullptr;
}

std::string manifest_text(const Manifest& manifest) {
  std::string body =
      fmt::format("{}\nstep {}\nbest {}\n", kHead, manifest.step, manifest.best ? "yes" : "no");
  for (const auto& [name, digest] : manifest.files)
    body += fmt::format("{} {} {}\n", name, digest.bytes, digest.sha256);
  return with_checksum(body);
}

Manifest read_manifest(const std::string& checkpoint_folder) {
  const std::string path = checkpoint_folder + "/MANIFEST";
  const auto refuse = [&](const std::string& what) -> UserError {
    return {ExitCode::weights, path + ": " + what};
  };
  std::string text;
  try {
    text = read_file(path, kMaxBytes);
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
  const std::size_t tail = text.rfind("MANIFEST ");
  if (tail == std::string::npos || with_checksum(text.substr(0, tail)) != text)
    throw refuse("damaged: its own checksum does not match");
  const std::vector<std::string> lines = split(text.substr(0, tail), '\n');
  if (lines[0] != kHead)
    throw refuse("written by another version of dltool: '" + lines[0] + "' instead of '" +
                 std::string(kHead) + "'");
  const auto manifest = parse(lines);
  // Written back it must be the same text: nothing in it was passed over.
  if (!manifest || manifest_text(*manifest) != text) throw refuse("damaged: a line is malformed");
  return *manifest;
}

}  // namespace dl

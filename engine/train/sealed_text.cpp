#include "engine/train/sealed_text.h"

#include <optional>

#include "core/error.h"
#include "core/sha256.h"

namespace dl {
namespace {

constexpr std::size_t kDigits = 64;
const std::string kZeros(kDigits, '0');

/// Where the digits of the last seal begin; none: there is no seal.
std::optional<std::size_t> place_of_seal(const std::string& text) {
  for (const char* before : {"\"sha256\": \"", "# sha256 "}) {
    const std::size_t at = text.rfind(before);
    if (at == std::string::npos) continue;
    const std::size_t begin = at + std::string_view(before).size();
    if (begin + kDigits <= text.size()) return begin;
  }
  return std::nullopt;
}

std::string digest_of(std::string text, std::size_t place) {
  return sha256_hex(text.replace(place, kDigits, kZeros));
}

std::string sealed(std::string text) {
  const std::size_t place = *place_of_seal(text);
  return text.replace(place, kDigits, digest_of(text, place));
}

}  // namespace

std::string sealed_json(const std::string& text) {
  const std::size_t end = text.rfind('}');
  const std::size_t last = text.find_last_not_of(" \n", end - 1);
  return sealed(text.substr(0, last + 1) + ",\n  \"sha256\": \"" + kZeros + "\"\n}\n");
}

std::string sealed_yaml(const std::string& text) {
  return sealed(text + "# sha256 " + kZeros + "\n");
}

void expect_sealed(const std::string& text, const std::string& path, const std::string& hint) {
  const auto place = place_of_seal(text);
  if (!place || text.compare(*place, kDigits, digest_of(text, *place)) == 0) return;
  throw UserError(ExitCode::weights,
                  path + " has changed since it was written: its checksum does not match", hint);
}

std::string unsealed_note(const std::string& text, const std::string& path) {
  if (place_of_seal(text)) return "";
  return path +
         " has no checksum, which older versions did not write: whether it has changed "
         "cannot be told";
}

}  // namespace dl

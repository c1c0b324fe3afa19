#include "datasets/text/token_ids.h"

#include <zlib.h>

#include <algorithm>
#include <cassert>

#include "datasets/text/token_params.h"

namespace dl {

static_assert(kMaxVocabulary <= 1 << 16);

TokenIds::TokenIds(std::size_t vocabulary) {
  if (vocabulary > 1 << 8) ids_.emplace<std::vector<std::uint16_t>>();
}

void TokenIds::add(std::int32_t id) {
  std::visit(
      [id](auto& ids) {
        using Id = typename std::decay_t<decltype(ids)>::value_type;
        assert(id >= 0 && id == static_cast<Id>(id));
        ids.push_back(static_cast<Id>(id));
      },
      ids_);
}

void TokenIds::shrink_to_fit() {
  std::visit([](auto& ids) { ids.shrink_to_fit(); }, ids_);
}

std::size_t TokenIds::size() const {
  return std::visit([](const auto& ids) { return ids.size(); }, ids_);
}

void TokenIds::copy(std::size_t first, std::span<std::int32_t> out) const {
  assert(first + out.size() <= size());
  std::visit([&](const auto& ids) { std::copy_n(ids.data() + first, out.size(), out.data()); },
             ids_);
}

std::uint32_t TokenIds::crc32() const {
  return std::visit(
      [](const auto& ids) {
        return static_cast<std::uint32_t>(
            crc32_z(0, reinterpret_cast<const Bytef*>(ids.data()), ids.size() * sizeof(ids[0])));
      },
      ids_);
}

}  // namespace dl

#include "engine/train/sealed_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace dl {

TEST_CASE("a sealed text reads as before, and each flipped bit of it is found or told") {
  const std::string json = sealed_json("{\n  \"data\": \"/a\",\n  \"folder\": \"/b\"\n}\n");
  CHECK(nlohmann::json::parse(json)["folder"] == "/b");
  const std::string yaml = sealed_yaml("n: 3\nact: relu\n");
  CHECK(yaml.starts_with("n: 3\nact: relu\n# sha256 "));
  for (const std::string& text : {json, yaml}) {
    expect_sealed(text, "file");
    CHECK(unsealed_note(text, "file") == "");
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
      std::string flipped = text;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      bool found = !unsealed_note(flipped, "file").empty();
      try {
        expect_sealed(flipped, "file");
      } catch (const UserError& error) {
        CHECK(error.code() == ExitCode::weights);
        found = true;
      }
      if (!found) FAIL("bit " << bit << " of\n" << text);
    }
  }
}

TEST_CASE("a text that an older version wrote is taken, and that is told") {
  const std::string old = "{\n  \"data\": \"/a\"\n}\n";
  expect_sealed(old, "paths.json");
  CHECK(unsealed_note(old, "paths.json").starts_with("paths.json has no checksum"));
  expect_sealed("", "vars.yaml");
}

}  // namespace dl

#include "engine/train/sequence_rules.h"

#include <doctest/doctest.h>

#include "tests/support/data_files.h"
#include "tests/support/network.h"

// What they refuse: tests/errors/bad_stream_backwards.yaml and tests/cli/stateful_test.cpp.
namespace dl {
namespace {

std::vector<std::string> notes_of(const std::string& source, const std::string& layers,
                                  const std::string& loss = "cross_entropy") {
  return test::setup_of("data: {source: {" + source + "}, batch: 2}\nmodel:\n  layers:\n" + layers +
                        "    - linear: {name: fc, out_features: 2}\nloss: {" + loss +
                        "}\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n")
      .notes;
}

}  // namespace

TEST_CASE("lengths that nothing reads are told, once") {
  const std::string source =
      "labelled_text: {path: nowhere, length: 4, classes: [x, y], vocabulary: [<pad>, <unk>]}";
  const std::string embedding =
      "    - embedding: {name: e, from: data.tokens, num_embeddings: 2, embedding_dim: 3}\n";
  const auto unread = notes_of(source, embedding + "    - lstm: {hidden_size: 4, output: last}\n");
  REQUIRE(unread.size() == 1);
  CHECK(unread[0].starts_with("nothing reads data.length: "));
  CHECK(notes_of(source,
                 embedding + "    - lstm: {from: [e, data.length], hidden_size: 4, output: last}\n")
            .empty());
  CHECK(notes_of(source, embedding + "    - lstm: {hidden_size: 4}\n",
                 "cross_entropy: {target: data.tokens, mask: data.length}")
            .empty());
  const std::string stream = "text: {path: nowhere, length: 4, vocabulary: [a, b]}";
  CHECK(notes_of(stream, "    - embedding: {num_embeddings: 2, embedding_dim: 3}\n").empty());
}

TEST_CASE("lengths that are equal in all files need no reader") {
  const test::TempFolder folder;
  const std::string header =
      "@timeStamps false\n@univariate true\n@classLabel true up down\n@data\n";
  const std::string layers = "    - lstm: {from: data.series, hidden_size: 4, output: last}\n";
  const auto notes = [&](const std::string& train, const std::string& test) {
    test::write_text(folder / "a.ts", header + train);
    test::write_text(folder / "b.ts", header + test);
    return notes_of("ts: {train: '" + (folder / "a.ts") + "', test: '" + (folder / "b.ts") + "'}",
                    layers);
  };
  CHECK(notes("1,2,3:up\n3,4,6:down\n", "1,1,1:up\n").empty());
  CHECK(notes("1,2,3:up\n3,4:down\n", "1,1,1:up\n").size() == 1);
  CHECK(notes("1,2,3:up\n3,4,6:down\n", "1,1:up\n").size() == 1);
  CHECK(notes("1,2,3:up\n3,4,6:down\n", "1,1,1,1:up\n").size() == 1);
}

}  // namespace dl

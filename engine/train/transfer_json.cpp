#include <nlohmann/json.hpp>

#include "engine/train/transfer.h"

// transfer.json of a run's folder.
namespace dl {

std::string to_json(const Transfer& transfer) {
  nlohmann::ordered_json out = {{"from", transfer.from},
                                {"weights", nlohmann::ordered_json::array()},
                                {"unused", transfer.unused}};
  for (const TransferredWeight& weight : transfer.weights) {
    nlohmann::ordered_json row = {{"name", weight.name}, {"frozen", weight.frozen}};
    if (weight.source.empty())
      row["started_anew"] = weight.why;
    else
      row["source"] = weight.source;
    if (!weight.part.empty()) row["part"] = weight.part;
    out["weights"].push_back(std::move(row));
  }
  return out.dump(1) + "\n";
}

Transfer transfer_from_json(const std::string& text, const std::string& path) {
  Transfer transfer;
  try {
    const auto json = nlohmann::json::parse(text);
    transfer.from = json.at("from");
    transfer.unused = json.at("unused").get<std::vector<std::string>>();
    for (const auto& row : json.at("weights")) {
      transfer.weights.push_back({.name = row.at("name"),
                                  .source = row.value("source", ""),
                                  .why = row.value("started_anew", ""),
                                  .frozen = row.at("frozen"),
                                  .part = row.value("part", "")});
    }
  } catch (const nlohmann::json::exception& error) {
    throw UserError(ExitCode::weights, path + ": damaged: " + error.what());
  }
  return transfer;
}

}  // namespace dl

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/config/expression.h"
#include "engine/config/findings.h"
#include "engine/config/layer_expander.h"
#include "engine/config/run_config.h"

namespace dl {

/// A merged config in which vars, blocks and expressions mean something: gives its sections without
/// them.
class Expansion {
 public:
  /// Reads `vars`. `root`, `options` and `findings` must outlive this.
  Expansion(const ConfigNode& root, const ConfigOptions& options, Findings& findings);

  /// The section with every expression replaced; a null node when it is not there.
  ConfigNode section(const std::string& key);

  /// The vars with their values, as far as they have one.
  const ConfigNode& vars() const { return vars_; }

  /// Any other value of the top level's scope.
  ConfigNode value(const ConfigNode& node) { return expand(node, globals_, budget_, findings_); }

  /// model.layers, flat. Once only.
  std::vector<LayerDecl> layers(const ConfigNode& list) { return expander_->expand_model(list); }
  /// A layer's name as `output` and `loss` use it.
  LayerDecl::Source resolve(const std::string& name, const Mark& mark, const std::string& what) {
    return expander_->resolve(name, mark, what);
  }

 private:
  void read_vars(const ConfigNode& vars);
  Value data_value(const std::string& name, const Mark& mark);
  std::optional<std::int64_t> ask_source(const std::string& key);

  const ConfigNode& root_;
  const ConfigOptions& options_;
  Findings& findings_;
  Budget budget_;
  Scope globals_;
  ConfigNode vars_ = ConfigNode::map({}, {});
  std::unique_ptr<LayerExpander> expander_;
  std::optional<DataFacts> facts_;
  bool asking_ = false;  // data.classes is being computed
};

}  // namespace dl

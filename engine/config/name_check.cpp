#include "engine/config/name_check.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/text.h"
#include "engine/config/expression.h"

namespace dl {
namespace {

using Words = std::vector<std::string>;

bool contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class NameChecker {
 public:
  NameChecker(const ConfigNode& root, const SourceFile& main_file, Findings& findings)
      : root_(root), main_file_(main_file), findings_(findings) {}

  void check() {
    check_vars();
    for (const ConfigNode::Entry& section : root_.entries()) {
      if (section.key == "vars") continue;
      if (section.key == "blocks") {
        for (const ConfigNode::Entry& block : section.value.entries()) check_block(block);
      } else if (section.key == "model") {
        for (const ConfigNode::Entry& entry : section.value.entries()) {
          if (entry.key == "layers")
            walk_layers(entry.value, {});
          else
            walk(entry.value, {});
        }
      } else {
        walk(section.value, {});
      }
    }
    check_unused();
  }

 private:
  /// A var may use those above it.
  void check_vars() {
    const ConfigNode* vars = root_.find("vars");
    if (!vars) return;
    Words all;
    for (const ConfigNode::Entry& var : vars->entries()) {
      all.push_back(var.key);
      if (!is_variable_name(var.key))
        findings_.add(var.key_mark, "no var can be called '" + var.key + "'");
    }
    for (const ConfigNode::Entry& var : vars->entries()) {
      for_each_use(var.value, [&](const NameUse& use) {
        if (!contains(vars_, use.name) && contains(all, use.name)) {
          used_.insert(use.name);
          findings_.add(use.mark, use.name == var.key
                                      ? "var '" + var.key + "' uses itself"
                                      : "var '" + use.name +
                                            "' is defined below; a var may use those above it");
          return;
        }
        take_use(use, {});
      });
      vars_.push_back(var.key);
    }
  }

  void check_block(const ConfigNode::Entry& block) {
    Words params;
    std::set<std::string> outer_uses = std::move(used_locals_);
    used_locals_.clear();
    const ConfigNode* declared = block.value.find("params");
    if (declared) {
      for (const ConfigNode::Entry& param : declared->entries()) {
        walk(param.value, params);  // a default may use the params above it
        params.push_back(param.key);
        if (param.key == "name" || param.key == "from" || !is_variable_name(param.key)) {
          findings_.add(param.key_mark,
                        "block '" + block.key + "': no param can be called '" + param.key + "'");
        }
      }
    }
    if (const ConfigNode* layers = block.value.find("layers")) walk_layers(*layers, params);
    for (const std::string& param : params) {
      const Mark& mark = declared->find_entry(param)->key_mark;
      if (is_ours(mark) && !unreadable_ && !used_locals_.contains(param)) {
        findings_.add(mark, "param '" + param + "' of block '" + block.key + "' is used nowhere");
      }
    }
    used_locals_ = std::move(outer_uses);
  }

  void walk_layers(const ConfigNode& layers, const Words& locals) {
    for (const ConfigNode& entry : layers.items()) {
      if (!entry.find("layers")) {
        walk(entry, locals);
        continue;
      }
      Words inside = locals;
      if (entry.find("repeat")) {
        const ConfigNode* as = entry.find("as");
        inside.push_back(as && as->is_scalar() ? as->text() : "i");
      }
      for (const ConfigNode::Entry& part : entry.entries()) {
        if (part.key == "layers")
          walk_layers(part.value, inside);
        else if (part.key != "as")
          walk(part.value, part.key == "name" ? inside : locals);
      }
    }
  }

  void walk(const ConfigNode& node, const Words& locals) {
    for_each_use(node, [&](const NameUse& use) { take_use(use, locals); });
  }

  template <class Take>
  void for_each_use(const ConfigNode& node, const Take& take) {
    for (const ConfigNode& item : node.items()) for_each_use(item, take);
    for (const ConfigNode::Entry& entry : node.entries()) for_each_use(entry.value, take);
    if (!node.is_scalar()) return;
    try {
      for (const NameUse& use : names_used(node)) take(use);
    } catch (const UserError& error) {
      unreadable_ = true;
      findings_.add(error);
    }
  }

  void take_use(const NameUse& use, const Words& locals) {
    if (contains(locals, use.name)) {
      used_locals_.insert(use.name);
    } else if (contains(vars_, use.name)) {
      used_.insert(use.name);
    } else if (use.name != "data.classes" && use.name != "data.vocabulary") {
      Words known = locals;
      known.insert(known.end(), vars_.begin(), vars_.end());
      known.insert(known.end(), {"data.classes", "data.vocabulary"});
      findings_.add(use.mark, unknown_name(use.name, known));
    }
  }

  bool is_ours(const Mark& mark) const {
    return mark.valid() && (mark.file.get() == &main_file_ || mark.file->path() == "--set");
  }

  void check_unused() {
    const ConfigNode* vars = root_.find("vars");
    if (!vars || unreadable_) return;  // what cannot be read may use any of them
    for (const ConfigNode::Entry& var : vars->entries()) {
      if (!is_ours(var.key_mark) || used_.contains(var.key)) continue;
      Words others;
      for (const std::string& name : vars_)
        if (name != var.key) others.push_back(name);
      findings_.add(var.key_mark,
                    "var '" + var.key + "' is used nowhere" + did_you_mean(var.key, others));
    }
  }

  const ConfigNode& root_;
  const SourceFile& main_file_;
  Findings& findings_;
  Words vars_;                         // those defined so far
  bool unreadable_ = false;            // some expression is
  std::set<std::string> used_;         // vars
  std::set<std::string> used_locals_;  // params of the block that is being checked
};

}  // namespace

void check_names(const ConfigNode& root, const SourceFile& main_file, Findings& findings) {
  NameChecker(root, main_file, findings).check();
}

}  // namespace dl

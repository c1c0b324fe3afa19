#include "engine/train/checkpoint_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/text.h"
#include "engine/train/checkpoint_names.h"
#include "engine/train/manifest.h"
#include "engine/train/train_state.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

/// How often a reader lists again that was overtaken by the writer. A save takes longer than
/// loading what it saved, so that the second time nearly always does.
constexpr int kTries = 100;

/// A candidate, and what its MANIFEST says.
struct Seen : Candidate {
  bool best = false;
  std::string wrong;  // with the MANIFEST; "": nothing
};

/// For readers: what cannot be listed cannot be loaded.
std::vector<Candidate> list_candidates(const std::string& checkpoints) {
  try {
    return candidates_in(checkpoints);
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

std::vector<Seen> look_at(const std::string& checkpoints) {
  std::vector<Seen> all;
  for (Candidate& candidate : list_candidates(checkpoints)) {
    Seen seen{std::move(candidate), false, ""};
    try {
      seen.best = read_manifest(seen.path).best;
    } catch (const UserError& error) {
      seen.wrong = error.diagnostics()[0].message;
    }
    all.push_back(std::move(seen));
  }
  return all;
}

LoadedCheckpoint load_candidate(const Candidate& candidate, Keep keep) {
  LoadedCheckpoint loaded = load_checkpoint(candidate.path, keep);
  if (loaded.step == candidate.step) return loaded;
  throw UserError(ExitCode::weights, fmt::format("{}: damaged: its MANIFEST is that of step {}",
                                                 loaded.folder, loaded.step));
}

/// One look through a run's checkpoints; a class only so that the steps share what was seen.
class Search {
 public:
  Search(const std::string& run, Which which, Keep keep)
      : checkpoints_(checkpoints_of(run)),
        which_(which),
        keep_(keep),
        seen_(look_at(checkpoints_)) {
    for (const Seen& seen : seen_) overtaken_ |= !seen.wrong.empty() && !seen.still_there();
  }

  bool empty() const { return seen_.empty(); }
  /// A writer took something away that was listed.
  bool overtaken() const { return overtaken_; }
  /// Whether what was found is what was asked for, and not a substitute.
  bool sure() const { return sure_; }
  const std::vector<std::string>& problems() const { return problems_; }

  std::optional<LoadedCheckpoint> find() {
    for (const Seen* seen : ranked()) {
      try {
        LoadedCheckpoint loaded = load_candidate(*seen, keep_);
        sure_ = problems_.empty();
        if (which_ == Which::best) judge_best(loaded, *seen);
        return loaded;
      } catch (const UserError& error) {
        overtaken_ |= !seen->still_there();
        pass_over(*seen, error.diagnostics()[0].message);
      }
    }
    return std::nullopt;
  }

 private:
  /// In the order in which they should be tried.
  std::vector<const Seen*> ranked() const {
    std::vector<const Seen*> order;
    for (const Seen& seen : seen_) order.push_back(&seen);
    if (which_ == Which::best)
      std::ranges::stable_partition(order, [](const Seen* seen) { return seen->best; });
    return order;
  }

  void pass_over(const Seen& seen, const std::string& why) {
    problems_.push_back("checkpoint " + seen.name + " is passed over: " + why);
    passed_over_.push_back(seen.step);
  }
  bool is_passed_over(std::int64_t step) const {
    return std::ranges::count(passed_over_, step) > 0;
  }

  /// Which was the best, and up to which step that is known.
  struct Told {
    std::optional<std::int64_t> best;
    std::int64_t until = -1;
  };
  /// As the newest state tells it; in runs of older versions, which do not, as the link does.
  Told told_best() {
    for (const Seen& seen : seen_) {
      if (!seen.wrong.empty()) continue;
      try {
        const auto glance = glance_at_state(read_state(seen.path));
        if (glance && glance->tells_best) return {glance->best_step, seen.step};
        if (glance) break;
      } catch (const UserError&) {  // an older one may tell
        overtaken_ |= !seen.still_there();
      }
    }
    return {linked_best(), -1};
  }
  std::optional<std::int64_t> linked_best() const {
    const std::string target = link_target(checkpoints_ + "/best");
    const auto step = target.starts_with("step-") ? parse_int(target.substr(5)) : std::nullopt;
    return step && target == checkpoint_name(*step) ? step : std::nullopt;
  }

  /// What may have been better than the one that was found: newer ones whose MANIFEST is damaged or
  /// gone, unless the link says otherwise, and the best itself where nothing of it is left.
  void judge_best(const LoadedCheckpoint& found, const Seen& at) {
    const Told told = told_best();
    for (const Seen& seen : seen_) {
      const bool newer = seen.step > at.step || (seen.step == at.step && at.replaced);
      if (seen.wrong.empty() || !newer || seen.step <= told.until || is_passed_over(seen.step))
        continue;
      pass_over(seen, seen.wrong);
      sure_ &= found.best && linked_best() == at.step;
    }
    const bool lost = told.best && *told.best != at.step && !is_passed_over(*told.best) &&
                      (*told.best > at.step || !found.best);
    if (lost) {
      const bool listed = std::ranges::count(seen_, *told.best, &Seen::step) > 0;
      overtaken_ |= !listed && exists(checkpoints_ + "/" + checkpoint_name(*told.best));
      problems_.push_back(fmt::format("checkpoint {}, the best of this run, is missing",
                                      checkpoint_name(*told.best)));
      sure_ = false;
    }
    if (sure_ || problems_.empty()) return;
    problems_.push_back(
        found.best ? "the best checkpoint cannot be told; " + at.name + ", which was it before, " +
                         "is taken"
                   : "the best checkpoint cannot be told; the newest that is whole is taken");
  }

  std::string checkpoints_;
  Which which_;
  Keep keep_;
  std::vector<Seen> seen_;
  std::vector<std::string> problems_;
  std::vector<std::int64_t> passed_over_;
  bool overtaken_ = false, sure_ = false;
};

/// The weights of a checkpoint that a user names, perhaps by a link that a writer moves meanwhile.
LoadedCheckpoint load_named(const std::string& path) {
  for (int tries = 1;; ++tries) {
    std::error_code error;
    const std::string real = fs::canonical(path, error).string();
    const auto identity = folder_identity(real);
    try {
      LoadedCheckpoint loaded = load_checkpoint(error ? path : real, Keep::weights);
      loaded.folder = path;
      return loaded;
    } catch (const UserError&) {
      // A link whose target is just being taken away leads nowhere for a moment.
      const bool moved =
          error || fs::canonical(path, error).string() != real || folder_identity(real) != identity;
      if (!moved || tries == kTries) throw;
    }
  }
}

}  // namespace

LoadedCheckpoint find_checkpoint(const std::string& run, Which which,
                                 std::vector<std::string>& skipped, Substitute substitute,
                                 Keep keep) {
  for (int tries = 1;; ++tries) {
    Search search(run, which, keep);
    if (search.empty())
      throw UserError(ExitCode::run_folder, run + ": no checkpoint was saved there yet");
    auto found = search.find();
    if (search.overtaken() && tries < kTries) continue;
    const std::string problems = join(search.problems(), "; ");
    if (!found) {
      throw UserError(ExitCode::weights, run + ": no checkpoint is left that can be read",
                      problems);
    }
    if (substitute == Substitute::refused && !search.sure()) {
      throw UserError(ExitCode::weights,
                      run + ": its " + (which == Which::best ? "best" : "last") +
                          " checkpoint was asked for, and it is not whole: " + problems,
                      "where none is named, the best one that is whole is taken");
    }
    skipped.insert(skipped.end(), search.problems().begin(), search.problems().end());
    return std::move(*found);
  }
}

std::string newest_state(const std::string& run) {
  for (int tries = 1;; ++tries) {
    bool overtaken = false;
    for (const Candidate& candidate : list_candidates(checkpoints_of(run))) {
      try {
        return read_state(candidate.path);
      } catch (const UserError&) {
        overtaken |= !candidate.still_there();
      }
    }
    if (!overtaken || tries == kTries) return "";
  }
}

std::string wrong_checkpoint(const std::string& checkpoint) {
  const std::vector<std::string> words = {"best", "last"};
  if (std::ranges::count(words, checkpoint) > 0 || exists(checkpoint)) return "";
  return "expected best, last or a checkpoint's folder, found '" + checkpoint + "'" +
         did_you_mean(checkpoint, words);
}

ChosenWeights choose_weights(const std::string& run, const CheckpointChoice& choice,
                             std::vector<std::string>& skipped) {
  const bool named = choice.checkpoint != "best" && choice.checkpoint != "last";
  if (const std::string wrong = wrong_checkpoint(choice.checkpoint); !wrong.empty())
    throw UserError(ExitCode::weights, "--checkpoint: " + wrong);
  const Which which = choice.checkpoint == "best" ? Which::best : Which::last;
  const bool is_checkpoint = exists(run + "/MANIFEST");
  LoadedCheckpoint checkpoint =
      named || is_checkpoint
          ? load_named(named ? choice.checkpoint : run)
          : find_checkpoint(run, which, skipped,
                            choice.by_name ? Substitute::refused : Substitute::allowed,
                            Keep::weights);
  if (choice.averaged == true && !checkpoint.ema) {
    throw UserError(ExitCode::weights,
                    checkpoint.folder + ": has no averaged weights (train.ema was off)");
  }
  const bool average = checkpoint.ema && choice.averaged.value_or(true);
  return {average ? std::move(*checkpoint.ema) : std::move(checkpoint.model),
          checkpoint.folder + (average ? " (averaged)" : "")};
}

}  // namespace dl

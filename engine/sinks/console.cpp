#include "engine/sinks/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "core/text.h"

namespace dl {
namespace {

using Clock = std::chrono::steady_clock;

/// "1 epoch", "3 epochs"
std::string counted(std::int64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string start_text(const RunStart& start) {
  const std::string from =
      start.epoch > 0 ? fmt::format(", resumed in epoch {}", start.epoch + 1) : "";
  return fmt::format("{}: {} of {}{}", escaped(start.name), counted(start.epochs, "epoch"),
                     counted(start.steps_per_epoch, "step"), from);
}

std::string epoch_text(const EpochReport& report, std::int64_t epochs) {
  const std::string rate =
      report.split == "train"
          ? fmt::format("  lr {}  {:.0f} samples/s", number_text(static_cast<float>(report.lr)),
                        report.samples_per_second)
          : "";
  return fmt::format("epoch {}/{}  {:5}  {}{}  {}", report.epoch, epochs, report.split,
                     metrics_text(report.metrics), rate, duration_text(report.seconds));
}

std::string work_text(const WorkReport& work) {
  const double share =
      static_cast<double>(work.done) / static_cast<double>(std::max<std::int64_t>(work.total, 1));
  const double left = share > 0 ? work.seconds / share - work.seconds : 0;
  return fmt::format("{}: {} of {} samples, {} left", work.what, work.done, work.total,
                     duration_text(left));
}

std::string end_text(const RunEnd& end) {
  std::string text = fmt::format("{} after {}", end.outcome, duration_text(end.seconds));
  if (end.result)
    text += fmt::format("; {} ({}): {}", end.result->split, end.weights,
                        metrics_text(end.result->metrics));
  return text + fmt::format("; run folder {}", escaped(end.folder));
}

/// The bar: drawn over itself, at most ten times a second.
class Bar {
 public:
  bool due() const { return !shown_ || Clock::now() - drawn_ >= std::chrono::milliseconds(100); }
  void draw(const StepReport& report, const RunStart& start) {
    constexpr std::int64_t kCells = 20;
    const std::int64_t steps = std::max<std::int64_t>(start.steps_per_epoch, 1);
    const auto filled =
        static_cast<std::size_t>(std::min(kCells, kCells * report.step_in_epoch / steps));
    show(fmt::format("epoch {}/{} [{:<20}] {}/{}  {}  {:.0f} samples/s  {} left", report.epoch,
                     start.epochs, std::string(filled, '#'), report.step_in_epoch,
                     start.steps_per_epoch, metrics_text(report.metrics), report.samples_per_second,
                     duration_text(report.seconds_left)));
  }
  void show(std::string line) {
    drawn_ = Clock::now();
    line.resize(std::min<std::size_t>(line.size(), columns() - 1));
    print_if_possible(stderr, fmt::format("\r{}\x1b[K", line));
    shown_ = true;
  }
  void clear() {
    if (shown_) print_if_possible(stderr, "\r\x1b[K");
    shown_ = false;
  }

 private:
  static std::size_t columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
  }
  bool shown_ = false;
  Clock::time_point drawn_;
};

class Console final : public Sink {
 public:
  Console() : terminal_(isatty(STDERR_FILENO) != 0) {}

  void on_start(const RunStart& start) override {
    start_ = start;
    say(start_text(start));
    for (const std::string& note : start.notes) say("note: " + escaped(note));
  }
  bool wants_step(std::int64_t step_in_epoch) const override {
    if (terminal_) return bar_.due();
    return start_.log_every > 0 && step_in_epoch % start_.log_every == 0 &&
           step_in_epoch < start_.steps_per_epoch;
  }
  void on_step(const StepReport& report) override {
    if (terminal_) {
      bar_.draw(report, start_);
    } else {
      say(fmt::format("epoch {}/{}  step {}/{}  {}  {:.0f} samples/s", report.epoch, start_.epochs,
                      report.step_in_epoch, start_.steps_per_epoch, metrics_text(report.metrics),
                      report.samples_per_second));
    }
  }
  void on_work(const WorkReport& work) override {
    constexpr double kSeconds = 10;  // between plain lines
    if (terminal_ && bar_.due()) bar_.show(work_text(work));
    if (work.seconds < worked_) worked_ = 0;  // another one began
    if (terminal_ || work.seconds < worked_ + kSeconds) return;
    worked_ = work.seconds;
    say(work_text(work));
  }
  void on_epoch(const EpochReport& report) override { say(epoch_text(report, start_.epochs)); }
  void on_note(const std::string& sentence) override { say(escaped(sentence)); }
  void on_end(const RunEnd& end) override {
    bar_.clear();
    print_if_possible(stdout, end_text(end) + "\n");
    for (const std::string& line : end.next) say(escaped(line));
  }

 private:
  void say(const std::string& line) {
    bar_.clear();
    print_if_possible(stderr, fmt::format("{}\n", line));
  }
  bool terminal_;
  RunStart start_;
  Bar bar_;
  double worked_ = 0;  // seconds of the running work when it was last told of
};

/// The result for a program, or for a person who wants no more.
class Result final : public Sink {
 public:
  void on_end(const RunEnd& end) override { print_if_possible(stdout, end_text(end) + "\n"); }
};

class Log final : public Sink {
 public:
  explicit Log(AppendTarget& target) : target_(target) {}
  void on_start(const RunStart& start) override {
    start_ = start;
    write(start_text(start));
    for (const std::string& note : start.notes) write("note: " + escaped(note));
  }
  void on_epoch(const EpochReport& report) override { write(epoch_text(report, start_.epochs)); }
  void on_note(const std::string& sentence) override { write(escaped(sentence)); }
  void on_end(const RunEnd& end) override { write(end_text(end)); }

 private:
  void write(const std::string& line) {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    target_.append(fmt::format("{} {}\n", stamp, line));
  }
  AppendTarget& target_;
  RunStart start_;
};

}  // namespace

std::unique_ptr<Sink> console_sink(Verbosity verbosity) {
  if (verbosity == Verbosity::quiet) return std::make_unique<Result>();
  return std::make_unique<Console>();
}
std::unique_ptr<Sink> log_sink(AppendTarget& target) { return std::make_unique<Log>(target); }

}  // namespace dl

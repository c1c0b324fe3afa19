#include "engine/train/run_files.h"

#include "engine/sinks/metrics_files.h"

namespace dl {

RunFiles::RunFiles(FileSystem& files, const std::string& folder, std::vector<std::string> metrics,
                   bool diagnostics)
    : metrics_(std::move(metrics)),
      jsonl_(files, folder + "/metrics.jsonl"),
      csv_(files, folder + "/metrics.csv"),
      log_(files, folder + "/log.txt") {
  if (diagnostics) diagnostics_.emplace(files, folder + "/diagnostics.jsonl");
  if (csv_.size() == 0) csv_.append(metrics_csv_header(metrics_));
  log_.cut_torn_line();
}

void RunFiles::resume_at(const TrainState& state, std::vector<std::string>& notes) {
  const auto cut = [&](GrowingFile& file, const char* name, std::uint64_t size) {
    if (file.cut(size)) return;
    const bool torn = file.cut_torn_line();
    notes.push_back(
        std::string(name) + " is shorter than when the checkpoint was saved" +
        (torn ? ": its last line, which is torn, is cut off" : ": lines of it are missing"));
  };
  cut(jsonl_, "metrics.jsonl", state.jsonl_bytes);
  cut(csv_, "metrics.csv", state.csv_bytes);
  if (csv_.size() == 0) csv_.append(metrics_csv_header(metrics_));
  if (diagnostics_) cut(*diagnostics_, "diagnostics.jsonl", state.diagnostics_bytes);
}

void RunFiles::start_again() {
  jsonl_.cut(0);
  csv_.cut(0);
  csv_.append(metrics_csv_header(metrics_));
  if (diagnostics_) diagnostics_->cut(0);
}

void RunFiles::sync() {
  jsonl_.sync();
  csv_.sync();
  if (diagnostics_) diagnostics_->sync();
}

void RunFiles::remember_sizes(TrainState& state) const {
  state.jsonl_bytes = jsonl_.size();
  state.csv_bytes = csv_.size();
  state.diagnostics_bytes = diagnostics_ ? diagnostics_->size() : 0;
}

void RunFiles::on_epoch(const EpochReport& report) {
  jsonl_.append(metrics_json_line(report));
  csv_.append(metrics_csv_line(report, metrics_));
}

void RunFiles::on_diagnosis(const Diagnosis& diagnosis) {
  if (diagnostics_) diagnostics_->append(diagnosis_json_lines(diagnosis));
}

void RunFiles::append(const std::string& line) { log_.append(line); }

}  // namespace dl

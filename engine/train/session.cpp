#include "engine/train/session.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/core/parallel.h"
#include "engine/sinks/console.h"
#include "engine/train/batch_rules.h"
#include "engine/train/environment.h"
#include "engine/train/finite_weights.h"
#include "engine/train/monitor.h"
#include "engine/train/next_steps.h"
#include "engine/train/run_identity.h"
#include "engine/train/step_batches.h"

namespace dl {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

std::string mib(std::size_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// RunFiles is owned by the session, the sinks own what they are given.
class Forward final : public Sink {
 public:
  explicit Forward(RunFiles& files) : files_(files) {}
  void on_epoch(const EpochReport& report) override { files_.on_epoch(report); }
  void on_diagnosis(const Diagnosis& found) override { files_.on_diagnosis(found); }

 private:
  RunFiles& files_;
};

}  // namespace

Session::Session(FileSystem& files, const Setup& setup, RunFolder folder, StopFlag& stop)
    : files_(files),
      setup_(setup),
      folder_(std::move(folder)),
      stop_(stop),
      data_(setup, stop),
      store_(setup.make_store()),
      slices_(setup.phases[0].slices),
      meter_(setup.graph, setup.train_pipeline->spec()),
      updater_(*setup.optimizer.optimizer, slices_, setup.config.train, store_,
               setup.batches_per_step()) {
  train_ = data_.training_batches();
  if (data_.has(Split::valid)) valid_ = data_.evaluation_batches(Split::valid);
  if (data_.has(Split::test)) test_ = data_.evaluation_batches(Split::test);
  if (valid_) choose_monitor(setup, meter_, true, valid_->samples_per_epoch());
  check_training_batches(setup, data_.samples(Split::train));
  bool any_features = false;
  for (const Phase& phase : setup.phases) {  // what a later one needs is known before the first
    store_.freeze(phase.frozen);
    any_features |= cut_at_features(setup.graph, store_).has_value();
    if (phase.frozen != setup.phases[0].frozen) record_programs();
  }
  expect_features(any_features);
  store_.freeze(setup.phases[0].frozen);
  prepare_programs();
  identity_ = {.config_digest = config_digest(setup.config.resolved_text),
               .data_fingerprint = data_.fingerprint(Split::train),
               .seed = setup.config.seed};
  store_.initialise(setup.graph, setup.config.seed);
  updater_.reset_average();
  run_files_ = std::make_unique<RunFiles>(files_, folder_.path(), metric_names(),
                                          setup.config.diagnostics.has_value());
  saver_.emplace(Saver::Parts{.files = files_,
                              .folder = folder_,
                              .config = setup.config.train.checkpoint,
                              .content = [this](const TrainState& state) { return content(state); },
                              .is_fixed = fixed_weights(store_, updater_),
                              .sync_metrics = [this] { run_files_->sync(); },
                              .clock =
                                  [] {
                                    const auto now =
                                        std::chrono::steady_clock::now().time_since_epoch();
                                    return std::chrono::duration<double>(now).count();
                                  },
                              .stop = stop_});
}

void Session::init_from(const std::string& path, std::vector<std::string>& notes) {
  std::vector<std::string> unused;
  load_weights(store_, SafetensorsFile::read(path), path, unused);
  expect_finite(store_, path);
  updater_.reset_average();
  if (!unused.empty())
    notes.push_back(path +
                    " holds tensors that the network has no place for: " + join(unused, ", "));
}

void Session::init_from(const Transfer& transfer, const WeightSource& source) {
  apply_transfer(transfer, source, store_);
  updater_.reset_average();
}

void Session::resume_from(const LoadedCheckpoint& checkpoint, std::vector<std::string>& notes) {
  RunIdentity saved;
  state_ = state_from_json(checkpoint.state, checkpoint.folder + "/state.json", saved);
  identity_.config_digest = saved.config_digest;  // it was compared; see expect_unchanged_run()
  if (saved.data_fingerprint != identity_.data_fingerprint) {
    throw UserError(ExitCode::data, "the training data is not what this run was trained on",
                    "its fingerprint has changed");
  }
  std::vector<std::string> unused;
  load_weights(store_, checkpoint.model, checkpoint.folder + "/model.safetensors", unused);
  updater_.load_slots(checkpoint.optim, checkpoint.folder + "/optim.safetensors");
  if (updater_.averages()) {
    if (!checkpoint.ema)
      throw UserError(ExitCode::weights, checkpoint.folder + ": has no averaged weights");
    updater_.load_average(*checkpoint.ema, checkpoint.folder + "/ema.safetensors");
  }
  enter_phase(phase_at(setup_.phases, state_.epoch));
  if (programs_->carries_state(Purpose::train)) load_carried(carried(), checkpoint);
  if (std::string note = how_to_go_on(setup_, state_, folder_.path()); !note.empty())
    notes.push_back(std::move(note));
  run_files_->resume_at(state_, notes);
}

void Session::check(const std::vector<Requirement>& requirements) const {
  std::vector<ResultMetrics> results;
  if (test_) results.push_back({"test", evaluated_metrics(meter_, *test_)});
  if (valid_) results.push_back({"valid", evaluated_metrics(meter_, *valid_)});
  check_requirements(requirements, results);
}

void Session::save_start() { saver_->save(state_); }

ExitCode Session::run(std::vector<std::string> notes, const std::optional<double>& max_seconds,
                      const std::vector<Requirement>& requirements) {
  Sinks sinks;
  sinks.add(console_sink(verbosity_));
  sinks.add(log_sink(*run_files_));
  sinks.add(std::make_unique<Forward>(*run_files_));
  saver_->tell(sinks);
  saver_->begin(state_);
  try {
    return run_phases(sinks, std::move(notes), max_seconds, requirements);
  } catch (...) {
    save_what_is_held();
    write_failure(failure_report(std::current_exception()));
    throw;
  }
}

/// A run that fails has still had its best epoch.
void Session::save_what_is_held() noexcept {
  try {
    saver_->write_held();
  } catch (const std::exception&) {  // the first failure is the one to tell
  }
}

ExitCode Session::run_phases(Sinks& sinks, std::vector<std::string> notes,
                             const std::optional<double>& max_seconds,
                             const std::vector<Requirement>& requirements) {
  began_ = std::chrono::steady_clock::now();
  elapsed_before_ = state_.elapsed_seconds;
  Outcome outcome = Outcome::completed;
  bool started = false;
  for (std::size_t phase = phase_at(setup_.phases, state_.epoch);
       outcome == Outcome::completed && phase < setup_.phases.size(); ++phase) {
    enter_phase(phase);
    if (!started) tell_start(sinks, std::exchange(notes, {}));
    started = true;
    tell_phase(sinks);
    const bool ready = open_features(sinks);
    state_.elapsed_seconds = elapsed_before_ + seconds_here();  // features take their time too
    if (!ready) {
      saver_->save(state_);
      outcome = Outcome::interrupted;
      break;
    }
    Job job = job_of(phase, sinks, max_seconds.value_or(kForever) - seconds_here());
    outcome = run_training(job, state_);
  }
  saver_->write_held();  // where training ended without a save: it diverged
  return finish(outcome, sinks, requirements);
}

Job Session::job_of(std::size_t phase, Sinks& sinks, double seconds_left) {
  return {.setup = setup_,
          .phase = setup_.phases[phase],
          .store = store_,
          .programs = features_ ? features_->programs() : *programs_,
          .updater = updater_,
          .meter = features_ ? features_->meter() : meter_,
          .train = features_ ? features_->train() : *train_,
          .valid = features_ ? features_->valid() : valid_.get(),
          .sinks = sinks,
          .stop = stop_,
          .saver = *saver_,
          .save_now = stop_.save_now,
          .diagnostics = diagnostics_ ? &*diagnostics_ : nullptr,
          .max_seconds = seconds_left};
}

/// Of the one training program: with more than one there is nothing to carry.
std::span<const CarriedState> Session::carried() {
  if (features_ || !programs_->carries_state(Purpose::train)) return {};
  return programs_->get(Purpose::train, setup_.config.data.batch).states();
}

std::vector<std::string> Session::metric_names() const {
  return dl::metric_names(meter_, std::array{valid_.get(), test_.get()});
}

/// Trains what the phase trains, from where the state is: at its beginning, or in its middle.
void Session::enter_phase(std::size_t number) {
  saver_->write_held();  // it counts on what the phase before has frozen
  const Phase& phase = setup_.phases[number];
  const bool begins = state_.epoch == phase.first_epoch && state_.batch == 0;
  if (begins) {
    state_.phase_updates.resize(number);
    state_.phase_updates.push_back(state_.step - state_.skipped);
    if (phase.restarts_schedule) state_.schedule = {};
    // A run that was resumed after its end stays at it.
    if (!stopped_early(setup_.config.train, state_)) state_.epochs_since_best = 0;
  }
  slices_ = phase.slices;
  std::vector<std::string> started;
  for (ParamSlice& slice : slices_) {
    std::size_t first = number;  // since which it has been trained
    while (first > 0 && setup_.phases[first - 1].trains(slice.name)) --first;
    slice.updates_before = state_.phase_updates[first];
    if (begins && first == number) started.push_back(slice.name);
  }
  updater_.train_only(slices_, started);
  const bool same = setup_.phases[std::exchange(phase_, number)].frozen == phase.frozen;
  if (same && !features_) return;
  features_.reset();
  store_.freeze(phase.frozen);
  prepare_programs();
}

/// Those that the store as it is frozen needs, and the memory that they will take.
void Session::record_programs() {
  diagnostics_.reset();  // it looks at the programs
  programs_.reset();
  programs_.emplace(setup_.graph, store_, setup_.config.diagnostics.has_value());
  add_programs(*programs_, Purpose::train, setup_.config.data.batch, data_.samples(Split::train),
               setup_.config.data.drop_last);
  for (const Split split : {Split::valid, Split::test}) {
    if (data_.has(split))
      add_programs(*programs_, Purpose::evaluate, setup_.eval_batch(), data_.samples(split),
                   setup_.streams());
  }
  check_carried_states(setup_, *programs_);
  std::size_t data_bytes = train_->buffer_bytes();
  if (valid_) data_bytes += valid_->buffer_bytes();
  if (test_) data_bytes += test_->buffer_bytes();
  memory_ = training_memory(store_, updater_, *programs_, data_bytes);
  const std::int64_t per_step = setup_.batches_per_step();
  if (const std::size_t bytes = StepBatches::bytes(*train_, *programs_, per_step); bytes > 0)
    memory_.emplace_back("the batches of a step", bytes);
  std::size_t scores = 0;
  for (const Batches* split : {valid_.get(), test_.get()})
    scores = std::max(scores, split ? meter_.score_bytes(split->samples_per_epoch()) : 0);
  memory_.emplace_back("the scores of an evaluation", scores);
  if (const std::size_t bytes = held_best_bytes(setup_, store_, updater_))
    memory_.emplace_back(kHeldBest, bytes);
  if (const auto& config = setup_.config.diagnostics) {
    diagnostics_.emplace(*config, setup_.graph, store_, programs_->probes(),
                         programs_->time_probes());
    memory_.emplace_back("diagnostics", diagnostics_->bytes());
  }
  check_memory(memory_, memory_limit_bytes());
}

void Session::prepare_programs() {
  record_programs();
  programs_->bind();
}

void Session::tell_phase(Sinks& sinks) const {
  if (setup_.phases.size() == 1) return;
  const Phase& phase = setup_.phases[phase_];
  std::int64_t trained = 0;
  for (const ParamSlice& slice : phase.slices) trained += static_cast<std::int64_t>(slice.size);
  sinks.tell(&Sink::on_note, fmt::format("phase {} of {}: epochs {} to {}; {} of {} parameters are "
                                         "trained",
                                         phase_ + 1, setup_.phases.size(), phase.first_epoch + 1,
                                         phase.end(), trained, store_.parameter_count()));
}

void Session::tell_start(Sinks& sinks, std::vector<std::string> notes) {
  RunStart start{.name = setup_.config.name,
                 .folder = folder_.path(),
                 .epochs = setup_.config.train.epochs,
                 .steps_per_epoch = setup_.steps_per_epoch(*train_),
                 .epoch = state_.epoch,
                 .log_every = setup_.config.train.log_every,
                 .metrics = metric_names(),
                 .notes = std::move(notes)};
  std::size_t total = 0;
  for (const auto& [kind, bytes] : memory_) total += bytes;
  std::string samples = fmt::format("{} samples to train on", data_.samples(Split::train));
  if (valid_) samples += fmt::format(", {} to validate", data_.samples(Split::valid));
  if (test_) samples += fmt::format(", {} to test", data_.samples(Split::test));
  start.notes.push_back(fmt::format("{}; {} parameters; {} threads; {} of memory", samples,
                                    store_.parameter_count(), thread_count(), mib(total)));
  for (std::string& note : data_.notes()) start.notes.push_back(std::move(note));
  sinks.tell(&Sink::on_start, start);
}

CheckpointContent Session::content(const TrainState& state) {
  TrainState saved = state;
  run_files_->remember_sizes(saved);
  return {.model = weight_tensors(store_),
          .optim = updater_.slot_tensors(),
          .ema = updater_.average_tensors(),
          .carried = carried_tensors(carried()),
          .state = to_json(saved, identity_)};
}

double Session::seconds_here() const {
  const std::chrono::duration<double> used = std::chrono::steady_clock::now() - began_;
  return used.count();
}

}  // namespace dl

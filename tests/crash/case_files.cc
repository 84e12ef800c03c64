// SPDX-License-Identifier: Apache-2.0
#include "crash/case_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>

#include "app/local_store.h"
#include "app/snapshots.h"
#include "crash/torture_intents.h"
#include "crash/whole_log.h"

namespace symphainy::tests {
namespace {

using Outcome = ClientOperation::Outcome;

std::string text(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return std::string(member == nullptr ? "" : member->as_string().value_or(""));
}
std::uint64_t number(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? 0 : member->as_uint64().value_or(0);
}

// A line that a kill cut short was not written: its writer did not go on to what it speaks of, and whoever wrote after
// it began a line of his own.
std::size_t for_each_line(const std::string& path, const std::function<void(const Json&)>& visit) {
  std::ifstream file(path);
  std::size_t cut = 0;
  for (std::string line; std::getline(file, line);) {
    if (const auto json = Json::parse(line); json) {
      visit(*json);
    } else if (!line.empty()) {
      ++cut;
    }
  }
  return cut;
}

ClientOperation invoked(const Json& line) {
  static const Json none;
  const Json* found = line.find("intent");
  const Json& intent = found == nullptr ? none : *found;
  ClientOperation operation;
  operation.client = text(line, "client");
  operation.tenant = text(intent, "tenant_id");
  operation.idempotency_key = text(intent, "idempotency_key");
  operation.intent_id = text(intent, "intent_id");
  operation.intent_type = text(intent, "intent_type");
  if (intent.find("parameters") != nullptr) operation.parameters = intent.find("parameters")->dump();
  return operation;
}

void answered(ClientOperation& operation, const Json& line) {
  const std::string type = text(line, "type");
  operation.outcome = type == "ok" ? Outcome::acknowledged : type == "fail" ? Outcome::refused : Outcome::unknown;
  operation.execution_id = text(line, "execution_id");
  operation.status = text(line, "status");
  operation.position = number(line, "position");
  operation.value_sha256 = text(line, "value_sha256");
  const Json* events = line.find("event_ids");
  for (std::size_t i = 0; events != nullptr && i < events->size(); ++i) {
    operation.event_ids.emplace_back(events->at(i).as_string().value_or(""));
  }
}

std::vector<std::string> files_in(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code absent;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, absent)) {
    if (entry.is_regular_file()) paths.push_back(entry.path().string());
  }
  std::ranges::sort(paths);
  return paths;
}

std::vector<ClientOperation> read_history(const std::string& directory, std::size_t& cut) {
  std::vector<ClientOperation> history;
  for (const std::string& path : files_in(directory)) {
    std::map<std::string, std::size_t> under_way;
    cut += for_each_line(path, [&](const Json& line) {
      const std::string op = line.find("op") == nullptr ? "" : line.find("op")->dump();
      if (text(line, "type") == "invoke") {
        under_way[op] = history.size();
        history.push_back(invoked(line));
      } else if (const auto found = under_way.find(op); found != under_way.end()) {
        answered(history[found->second], line);
      }
    });
  }
  return history;
}

std::vector<LedgerEntry> read_ledger(const std::string& path, std::size_t& cut) {
  std::vector<LedgerEntry> ledger;
  cut += for_each_line(path, [&ledger](const Json& line) {
    ledger.push_back({text(line, "execution_id"), text(line, "tenant"), text(line, "idempotency_key"),
                      static_cast<std::uint32_t>(number(line, "attempt")), text(line, "step")});
  });
  return ledger;
}

std::map<public_works::StreamName, std::vector<std::string>> read_streams(const std::string& directory) {
  std::map<public_works::StreamName, std::vector<std::string>> streams;
  for (const std::string& path : files_in(directory)) {
    const std::filesystem::path file(path);
    auto& lines = streams[{file.parent_path().filename().string(), file.stem().string()}];
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line) && !stream.eof();) lines.push_back(line);
  }
  return streams;
}

// Read only, and not through StoreReader, which would bring the projections up to date.
class OpenedStore {
 public:
  OpenedStore(const std::string& data, const std::string& archive) {
    const app::DataDirectory directory{data};
    streams_ = read_streams(directory.events());
    open(directory, archive);
  }

  void add_to(Evidence& evidence) const {
    evidence.log = log_.get();
    evidence.state = state_.get();
    evidence.lineage = state_.get();
    evidence.artifacts = artifacts_.get();
    evidence.publisher = app::kNdjsonPublisher;
    evidence.streams = streams_;
  }
  const std::vector<Violation>& not_opened() const { return not_opened_; }
  const WholeLog* log() const { return log_.get(); }
  std::uint64_t newest_snapshot() const { return newest_snapshot_; }

 private:
  void open(const app::DataDirectory& directory, const std::string& archive) {
    auto log = WholeLog::open(files_, clock_, random_, directory.wal(), archive);
    if (!log) return not_opened("I10", "the log does not open: " + log.error().message);
    log_ = *std::move(log);
    using namespace public_works;  // NOLINT(google-build-using-namespace): the adapters
    auto state = SqliteStateStore::open(directory.state(), SqliteStateStore::Mode::read_only,
                                        app::state_origin(log_->identity()));
    if (!state) return not_opened("I11", "the projections do not open: " + state.error().message);
    state_ = *std::move(state);
    auto artifacts = FilesystemArtifactStore::open(files_, directory.artifacts(), ArtifactAccess::read_only);
    if (!artifacts) return not_opened("I4", "the artifacts do not open: " + artifacts.error().message);
    artifacts_ = *std::move(artifacts);
    const auto snapshots = app::Snapshots(files_, directory).list(*log_);
    if (snapshots && !snapshots->empty()) newest_snapshot_ = snapshots->front().position;
  }
  void not_opened(std::string invariant, std::string what) {
    not_opened_.push_back({std::move(invariant), std::move(what)});
  }

  public_works::PosixFileSystem files_;
  public_works::SystemClock clock_;
  public_works::SystemRandom random_;
  std::unique_ptr<WholeLog> log_;
  std::unique_ptr<public_works::SqliteStateStore> state_;
  std::unique_ptr<public_works::FilesystemArtifactStore> artifacts_;
  std::map<public_works::StreamName, std::vector<std::string>> streams_;
  std::uint64_t newest_snapshot_ = 0;
  std::vector<Violation> not_opened_;
};

class LocalCase final : public CaseFiles {
 public:
  explicit LocalCase(const std::string& directory) : store_(directory + "/data", directory + "/archive") {
    evidence_.history = read_history(directory + "/history", cut_lines_);
    evidence_.ledger = read_ledger(directory + "/ledger.ndjson", cut_lines_);
    evidence_.noting_types = noting_intent_types();
    const Evidence seen = evidence_;
    store_.add_to(evidence_);
    cut_lines_ += for_each_line(directory + "/ends.ndjson", [this](const Json& line) {
      evidence_.ends_seen.push_back({number(line, "position"), text(line, "store_hash")});
    });
    for (const char* name : {"restored", "repaired"}) {
      if (std::filesystem::exists(directory + "/" + name)) open_copy(directory, name, seen);
    }
  }
  const Evidence& evidence() const override { return evidence_; }
  const std::vector<Violation>& not_opened() const override { return store_.not_opened(); }
  std::size_t cut_lines() const override { return cut_lines_; }
  std::size_t retired_segments() const override {
    return store_.log() == nullptr ? 0 : store_.log()->retired_segments();
  }
  std::uint64_t newest_snapshot() const override { return store_.newest_snapshot(); }
  const std::vector<Copy>& copies() const override { return copies_; }

 private:
  // Made when the clients had heard everything, so it holds what they saw too.
  void open_copy(const std::string& directory, const char* name, const Evidence& seen) {
    const OpenedStore& store = opened_copies_.emplace_back(directory + "/" + name, directory + "/archive");
    Copy& copy = copies_.emplace_back(name, seen, store.not_opened());
    store.add_to(copy.evidence);
  }

  const OpenedStore store_;
  std::list<OpenedStore> opened_copies_;
  std::vector<Copy> copies_;
  Evidence evidence_;
  std::size_t cut_lines_ = 0;
};

}  // namespace

std::unique_ptr<CaseFiles> CaseFiles::open(const std::string& directory) {
  return std::make_unique<LocalCase>(directory);
}

Result<void> note_log_end(const std::string& directory, const LogEnd& end) {
  std::ofstream file(directory + "/ends.ndjson", std::ios::app);
  file << Json::object({{"position", end.position}, {"store_hash", end.store_hash}}).dump() << '\n';
  if (!file.flush()) return fail(ErrorCode::io_error, "cannot write " + directory + "/ends.ndjson");
  return {};
}

}  // namespace symphainy::tests

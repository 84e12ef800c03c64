// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/memory_event_log.h"

#include <algorithm>
#include <array>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

std::shared_ptr<MemoryLogContents> identified(std::shared_ptr<MemoryLogContents> contents, Clock& clock,
                                              Random& random) {
  if (!contents->identity.store.is_nil()) return contents;
  for (base::Uuid* id : {&contents->identity.store, &contents->identity.timeline}) {
    std::array<char, 16> noise{};
    random.fill(noise);
    *id = base::make_uuid_v7(clock.wall_us(), {noise.data(), noise.size()});
  }
  return contents;
}

}  // namespace

MemoryEventLog::MemoryEventLog(Clock& clock, Random& random, std::shared_ptr<MemoryLogContents> contents)
    : clock_(clock),
      random_(random),
      contents_(identified(std::move(contents), clock, random)),
      stamper_(contents_->identity.store, contents_->chain) {
  recovery_.last_position = contents_->chain.position();
  recovery_.head_position = recovery_.last_position;
  for (const auto& batch : contents_->batches) {
    for (const base::LogRecord& record : batch->records) {
      recovery_.last_epoch = std::max(recovery_.last_epoch, record.partition_epoch);
    }
  }
}

MemoryEventLog::~MemoryEventLog() {
  (void)close();
}

void MemoryEventLog::fail_from_now_on() {
  const std::lock_guard lock(mutex_);
  failing_ = true;
}

void MemoryEventLog::start(EventLogListener& listener) {
  listener_ = &listener;
}

Result<AppendReceipt> MemoryEventLog::append(std::vector<base::RecordDraft> drafts) {
  std::string salts(drafts.size() * 16, '\0');
  random_.fill(salts);
  auto batch = std::make_shared<base::LogBatch>();
  std::optional<Error> failed;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return fail(ErrorCode::stopped, "the log has stopped: " + stopped_->message);
    *batch = stamper_.stamp(std::move(drafts), clock_.wall_us(), salts);
    if (failing_) {
      stopped_ = failed = Error{ErrorCode::io_error, "the log was told to fail", "sync_failed", {}};
    } else {
      std::string bytes;
      contents_->chain.seal(*batch, bytes);
      contents_->batches.push_back(batch);
    }
  }
  if (failed) {
    listener_->on_stopped(*failed);
  } else {
    listener_->on_durable({batch});
  }
  return AppendReceipt{batch->first_position(), batch->last_position(), batch->records.back().time_us};
}

Result<void> MemoryEventLog::read_batches(std::uint64_t from,
                                          const std::function<bool(const base::LogBatch&)>& visit) const {
  std::vector<std::shared_ptr<const base::LogBatch>> batches;
  {
    const std::lock_guard lock(mutex_);
    const auto ends_before = [&](const auto& batch) { return batch->last_position() < from; };
    batches.assign(std::ranges::partition_point(contents_->batches, ends_before), contents_->batches.end());
  }
  for (const auto& batch : batches) {
    if (!visit(*batch)) break;
  }
  return {};
}

std::uint64_t MemoryEventLog::durable_position() const {
  const std::lock_guard lock(mutex_);
  return contents_->chain.position();
}

Result<void> MemoryEventLog::close() {
  const std::lock_guard lock(mutex_);
  if (!stopped_) stopped_ = Error{ErrorCode::stopped, "the log is closed", "closed", {}};
  return {};
}

}  // namespace symphainy::public_works

// SPDX-License-Identifier: Apache-2.0
// The fold on a thread of its own, into both stores: readers see their writes, a position never promises more than is
// there, folding bit by bit gives what rebuilding gives, and a fold that fails says so to everybody.
#include "runtime/state_surface.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/thread_executor.h"
#include "runtime/whole_life.h"
#include "temporary_directory.h"

namespace symphainy::runtime {
namespace {

using public_works::ManualClock;
using public_works::MemoryEventLog;
using public_works::MemoryStateStore;
using public_works::SeededRandom;
using public_works::SqliteStateStore;
using public_works::StateChanges;
using public_works::SystemClock;
using public_works::ThreadExecutor;
using ::testing::ElementsAre;

constexpr std::chrono::seconds kPatience{20};

struct InMemory {
  std::unique_ptr<MemoryStateStore> open(const std::string&) { return std::make_unique<MemoryStateStore>(); }
};
struct InSqlite {
  std::unique_ptr<SqliteStateStore> open(const std::string& name) {
    return SqliteStateStore::open(directory / name, SqliteStateStore::Mode::read_write).value();
  }
  tests::TemporaryDirectory directory;
};

// What the fold reports, for threads that wait for it.
class Reports {
 public:
  StateSurface::OnFolded listener() {
    return [this](Result<std::uint64_t> folded) {
      const std::lock_guard lock(mutex_);
      reported_.push_back(std::move(folded));
      changed_.notify_all();
    };
  }
  /// All that was reported once there are so many reports.
  std::vector<Result<std::uint64_t>> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return reported_.size() >= count; }));
    return reported_;
  }
  std::vector<std::uint64_t> positions(std::size_t count) {
    std::vector<std::uint64_t> out;
    for (const auto& report : wait_for(count)) out.push_back(report.value());
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Result<std::uint64_t>> reported_;
};

// Runs the fold's thread up to here: what was posted before has been done.
void wait_for(ThreadExecutor& executor) {
  std::promise<void> reached;
  executor.post([&] { reached.set_value(); });
  reached.get_future().get();
}

// Keeps the fold's thread busy until it goes away, so that work gathers behind it.
class Blocked {
 public:
  explicit Blocked(ThreadExecutor& executor) {
    executor.post([end = end_.get_future().share()] { end.wait(); });
  }
  ~Blocked() { end_.set_value(); }

 private:
  std::promise<void> end_;
};

template <typename Stores>
class StateSurfaceOver : public ::testing::Test {
 protected:
  using Store = decltype(std::declval<Stores>().open(""))::element_type;

  StateSurfaceOver() { surface_ = open(*store_); }
  ~StateSurfaceOver() override { fold_.stop(); }

  std::unique_ptr<StateSurface> open(public_works::StateStore& store) {
    return StateSurface::open(store, fold_, reports_.listener()).value();
  }
  /// Batch by batch, or in one piece.
  void hand_over_all(StateSurface& surface, std::size_t at_a_time) {
    for (std::size_t begin = 0; begin < batches_.size(); begin += at_a_time) {
      const std::size_t end = std::min(begin + at_a_time, batches_.size());
      surface.hand_over(DurableBatches(batches_.begin() + static_cast<std::ptrdiff_t>(begin),
                                       batches_.begin() + static_cast<std::ptrdiff_t>(end)));
    }
  }
  [[nodiscard]] std::uint64_t last_position() const { return batches_.back()->last_position(); }

  Stores stores_;
  const DurableBatches batches_ = whole_life().contents()->batches;
  SystemClock clock_;
  Reports reports_;
  std::unique_ptr<Store> store_ = stores_.open("state.db");
  std::unique_ptr<StateSurface> surface_;
  ThreadExecutor fold_{clock_, 1, "fold"};
};

using BothStores = ::testing::Types<InMemory, InSqlite>;
TYPED_TEST_SUITE(StateSurfaceOver, BothStores);

TYPED_TEST(StateSurfaceOver, ShowsAWriteToWhoeverWaitedForIt) {
  for (const auto& batch : this->batches_) {
    this->surface_->hand_over({batch});
    ASSERT_TRUE(this->surface_->wait_until(batch->last_position()));
    EXPECT_GE(this->surface_->folded(), batch->last_position());
    for (const base::LogRecord& record : batch->records) {
      if (static_cast<RecordType>(record.type) != RecordType::intent_accepted) continue;
      const auto scope = public_works::TenantScope::only(record.tenant);
      EXPECT_TRUE(this->store_->execution(scope, record.execution.text()).value()) << "at " << record.position;
    }
  }
}

TYPED_TEST(StateSurfaceOver, DoesNotWaitForWhatIsFolded) {
  this->hand_over_all(*this->surface_, 100);
  ASSERT_TRUE(this->surface_->wait_until(this->last_position()));
  const Blocked blocked(this->fold_);
  EXPECT_TRUE(this->surface_->wait_until(this->last_position()));
  EXPECT_TRUE(this->surface_->wait_until(0));
}

TYPED_TEST(StateSurfaceOver, StoresThePositionWithTheChanges) {
  for (const auto& batch : this->batches_) {
    this->surface_->hand_over({batch});
    ASSERT_TRUE(this->surface_->wait_until(batch->last_position()));
    EXPECT_EQ(this->store_->position().value(), batch->last_position());
  }
  this->surface_->hand_over({});  // nothing is nothing new
  wait_for(this->fold_);
  std::vector<std::uint64_t> ends;
  for (const auto& batch : this->batches_) ends.push_back(batch->last_position());
  EXPECT_EQ(this->reports_.positions(ends.size()), ends);
}

TYPED_TEST(StateSurfaceOver, FoldsWhatGatheredInOneTransaction) {
  {
    const Blocked blocked(this->fold_);
    this->hand_over_all(*this->surface_, 1);
    EXPECT_EQ(this->surface_->folded(), 0U);
  }
  ASSERT_TRUE(this->surface_->wait_until(this->last_position()));
  wait_for(this->fold_);
  EXPECT_THAT(this->reports_.positions(1), ElementsAre(this->last_position()));
}

TYPED_TEST(StateSurfaceOver, GivesWhatARebuildFromTheLogGivesHoweverItIsHandedOver) {
  ManualClock clock;
  SeededRandom random(1);
  const MemoryEventLog log(clock, random, whole_life().contents());
  const auto rebuilt = this->stores_.open("rebuilt.db");
  ASSERT_TRUE(fold_log(log, *rebuilt));
  const Rows expected = rows_of(*rebuilt);
  EXPECT_EQ(expected.position, this->last_position());
  EXPECT_EQ(expected.executions.size(), 5U);
  for (const std::size_t at_a_time : {1U, 2U, 3U, 100U}) {
    const auto store = this->stores_.open("at_a_time_" + std::to_string(at_a_time) + ".db");
    const auto surface = this->open(*store);
    this->hand_over_all(*surface, at_a_time);
    ASSERT_TRUE(surface->wait_until(this->last_position()));
    wait_for(this->fold_);
    EXPECT_EQ(rows_of(*store), expected) << at_a_time;
  }
}

TYPED_TEST(StateSurfaceOver, GoesOnWhereTheStoreIsAfterReopening) {
  ManualClock clock;
  SeededRandom random(1);
  const MemoryEventLog log(clock, random, whole_life().contents());
  const auto rebuilt = this->stores_.open("rebuilt.db");
  ASSERT_TRUE(fold_log(log, *rebuilt));
  const Rows expected = rows_of(*rebuilt);
  for (std::size_t cut = 1; cut < this->batches_.size(); ++cut) {
    const auto store = this->stores_.open("cut_" + std::to_string(cut) + ".db");
    const auto middle = this->batches_.begin() + static_cast<std::ptrdiff_t>(cut);
    {
      const auto first = this->open(*store);
      first->hand_over(DurableBatches(this->batches_.begin(), middle));
      ASSERT_TRUE(first->wait_until((*std::prev(middle))->last_position()));
      wait_for(this->fold_);
    }
    const auto second = this->open(*store);
    EXPECT_EQ(second->folded(), (*std::prev(middle))->last_position());
    second->hand_over(DurableBatches(middle, this->batches_.end()));
    ASSERT_TRUE(second->wait_until(this->last_position()));
    wait_for(this->fold_);
    EXPECT_EQ(rows_of(*store), expected) << "cut after " << cut << " batches";
    // A store that is behind the log is folded on to the same, too.
    const auto behind = this->stores_.open("behind_" + std::to_string(cut) + ".db");
    const auto third = this->open(*behind);
    third->hand_over(DurableBatches(this->batches_.begin(), middle));
    ASSERT_TRUE(third->wait_until((*std::prev(middle))->last_position()));
    wait_for(this->fold_);
    ASSERT_TRUE(fold_log(log, *behind));
    EXPECT_EQ(rows_of(*behind), expected) << "behind by " << this->batches_.size() - cut << " batches";
  }
}

TYPED_TEST(StateSurfaceOver, LetsSeveralThreadsWaitForPositionsOfTheirOwn) {
  std::vector<std::future<bool>> seen;
  {
    const Blocked blocked(this->fold_);
    for (const auto& batch : this->batches_) {
      seen.push_back(std::async(
          std::launch::async, [&surface = *this->surface_, &store = *this->store_, position = batch->last_position()] {
            const Result<void> reached = surface.wait_until(position);
            return reached && store.position().value() >= position && surface.folded() >= position;
          }));
    }
    this->hand_over_all(*this->surface_, 1);
  }
  for (auto& future : seen) EXPECT_TRUE(future.get());
}

TYPED_TEST(StateSurfaceOver, ReportsAFoldThatFailedToTheCallbackAndToWaiters) {
  // A record that this release must understand and does not.
  auto damaged = std::make_shared<base::LogBatch>(*this->batches_[2]);
  damaged->records.front().type = 4242;
  std::future<Result<void>> waiter;
  {
    const Blocked blocked(this->fold_);
    waiter = std::async(std::launch::async, [&] { return this->surface_->wait_until(this->last_position()); });
  }
  this->surface_->hand_over({this->batches_[0], this->batches_[1]});
  ASSERT_TRUE(this->surface_->wait_until(this->batches_[1]->last_position()));
  this->surface_->hand_over({damaged});
  const Result<void> heard = waiter.get();
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error().code, ErrorCode::corrupt);
  EXPECT_EQ(heard.error().reason, "unknown_record_type");

  const auto reports = this->reports_.wait_for(2);
  ASSERT_FALSE(reports.back());
  EXPECT_EQ(reports.back().error().reason, "unknown_record_type");
  // What was folded stays readable, what comes is not taken, and the error is reported once.
  auto late = std::make_shared<const base::LogBatch>(*this->batches_[3]);
  const std::weak_ptr<const base::LogBatch> kept = late;
  this->surface_->hand_over({std::exchange(late, nullptr)});
  wait_for(this->fold_);
  EXPECT_TRUE(kept.expired()) << "nobody would ever fold it";
  EXPECT_EQ(this->reports_.wait_for(2).size(), 2U);
  EXPECT_EQ(this->surface_->folded(), this->batches_[1]->last_position());
  EXPECT_EQ(this->store_->position().value(), this->batches_[1]->last_position());
  EXPECT_TRUE(this->surface_->wait_until(this->batches_[1]->last_position()));
  EXPECT_FALSE(this->surface_->wait_until(this->batches_[2]->last_position()));
}

// --- a store that cannot take it

class FullStore final : public MemoryStateStore {
 public:
  Result<void> apply(const StateChanges& changes) override {
    if (changes.position > full_after) return fail(ErrorCode::unavailable, "no space left", "no_space");
    return MemoryStateStore::apply(changes);
  }
  std::uint64_t full_after = 0;
};

TEST(StateSurfaceOverAFullStore, ReportsTheStoresErrorToEveryWaiter) {
  const DurableBatches batches = whole_life().contents()->batches;
  FullStore store;
  store.full_after = batches[0]->last_position();
  Reports reports;
  const SystemClock clock;
  ThreadExecutor fold(clock, 1, "fold");
  const auto surface = StateSurface::open(store, fold, reports.listener()).value();
  surface->hand_over({batches[0]});
  ASSERT_TRUE(surface->wait_until(batches[0]->last_position()));
  std::vector<std::future<Result<void>>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(std::async(std::launch::async, [&] { return surface->wait_until(batches[1]->last_position()); }));
  }
  surface->hand_over({batches[1]});
  for (auto& waiter : waiters) {
    const Result<void> heard = waiter.get();
    ASSERT_FALSE(heard);
    EXPECT_EQ(heard.error().code, ErrorCode::unavailable);
    EXPECT_EQ(heard.error().reason, "no_space");
  }
  ASSERT_FALSE(reports.wait_for(2).back());
  EXPECT_EQ(surface->folded(), batches[0]->last_position());
  fold.stop();
}

TEST(StateSurfaceOverAFullStore, WaitsAsLongAsItTakesButThoseWhoWantAnAnswerDoNot) {
  const DurableBatches batches = whole_life().contents()->batches;
  FullStore store;
  ManualClock clock;
  public_works::ManualExecutor fold(clock);
  Reports reports;
  const auto surface = StateSurface::open(store, fold, reports.listener(), {&clock, 1'000}).value();
  surface->hand_over({batches[0]});
  fold.advance_us(600'000'000);
  EXPECT_TRUE(reports.wait_for(0).empty()) << "ten minutes later it has not given up";
  const auto heard = surface->wait_until(batches[0]->last_position());
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error().reason, "no_space");
  store.full_after = UINT64_MAX;
  fold.advance_us(1'000'000);
  EXPECT_TRUE(surface->wait_until(batches[0]->last_position()));
  EXPECT_EQ(reports.wait_for(1).size(), 1U);
}

TEST(FoldingALog, RefusesAStoreThatIsAheadOfIt) {
  ManualClock clock;
  SeededRandom random(1);
  const MemoryEventLog log(clock, random, whole_life().contents());
  MemoryStateStore store;
  StateChanges changes;
  changes.position = log.durable_position() + 1;
  ASSERT_TRUE(store.apply(changes));
  const auto refused = fold_log(log, store);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_EQ(refused.error().reason, "projection_ahead");
}

}  // namespace
}  // namespace symphainy::runtime

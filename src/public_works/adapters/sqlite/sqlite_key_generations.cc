// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/sqlite_key_generations.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"

namespace symphainy::public_works {
namespace {

// A page of sealed_keys: four fit into one of SQLite's, and none spills out of it.
constexpr std::size_t kKeysPerPage = 120;
constexpr std::size_t kBytesPerKey = 16;
// A command that asks once reads a page of each generation instead of all filters; whoever goes on asking gets one more
// filter with each question, so that none waits for all of them.
constexpr std::size_t kQuestionsWithoutFilters = 16;

constexpr const char* kUnsealed = "unsealed_keys";
constexpr const char* kGenerations = "key_generations";

// SQLite's integers are signed: hashes are ordered as such.
std::int64_t stored(std::uint64_t number) noexcept {
  return static_cast<std::int64_t>(number);
}

Result<std::uint64_t> read_meta(SqliteDatabase& database, const char* name) {
  TRY(SqliteStatement statement, database.prepare("SELECT value FROM meta WHERE name = ?1"));
  statement.bind(1, std::string_view(name));
  TRY(const bool found, statement.step());
  if (!found) return fail(ErrorCode::corrupt, "database " + database.path() + ": meta lacks " + name);
  return statement.unsigned_integer(0);
}

Result<void> write_meta(SqliteDatabase& writer, const char* name, std::uint64_t value) {
  TRY(SqliteStatement statement, writer.prepare("UPDATE meta SET value = ?2 WHERE name = ?1"));
  statement.bind(1, std::string_view(name));
  statement.bind(2, value);
  TRY(statement.step());
  return {};
}

Error malformed(SqliteDatabase& database, std::size_t generation) {
  return Error{ErrorCode::corrupt,
               "database " + database.path() + ": a page of sealed_keys, generation " + std::to_string(generation) +
                   ", is cut short; delete the database and let it be rebuilt from the log",
               "sealed_keys",
               {}};
}

/// Collects keys in order, and stores each page that is full.
class PageWriter {
 public:
  PageWriter(SqliteDatabase& writer, std::uint64_t generation) : writer_(writer), generation_(generation) {}

  Result<void> add(const BoundKey& key) {
    if (bytes_.empty()) first_ = key;
    base::append_integer(bytes_, key.hash);
    base::append_integer(bytes_, key.position);
    return bytes_.size() < kKeysPerPage * kBytesPerKey ? Result<void>() : finish();
  }
  Result<void> finish() {
    if (bytes_.empty()) return {};
    TRY(SqliteStatement statement,
        writer_.prepare("INSERT INTO sealed_keys (generation, first_hash, first_position, keys) VALUES (?1,?2,?3,?4)"));
    statement.bind(1, generation_);
    statement.bind(2, first_.hash);
    statement.bind(3, first_.position);
    statement.bind_blob(4, bytes_);
    TRY(statement.step());
    bytes_.clear();
    return {};
  }

 private:
  SqliteDatabase& writer_;
  const std::uint64_t generation_;
  BoundKey first_;
  std::string bytes_;
};

Result<void> find_recent(SqliteDatabase& reader, std::uint64_t hash, std::vector<std::uint64_t>& positions) {
  TRY(SqliteStatement statement, reader.prepare("SELECT position FROM recent_keys WHERE hash = ?1"));
  statement.bind(1, hash);
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) return {};
    positions.push_back(statement.unsigned_integer(0));
  }
}

// From the last page that begins at or before the hash, backwards for as long as pages begin with the hash itself.
Result<void> find_sealed(SqliteDatabase& reader, std::size_t generation, std::uint64_t hash,
                         std::vector<std::uint64_t>& positions) {
  TRY(SqliteStatement pages,
      reader.prepare("SELECT first_hash, keys FROM sealed_keys WHERE generation = ?1 AND first_hash <= ?2"
                     " ORDER BY first_hash DESC, first_position DESC"));
  pages.bind(1, static_cast<std::uint64_t>(generation));
  pages.bind(2, hash);
  while (true) {
    TRY(const bool found, pages.step());
    if (!found) return {};
    const std::string_view keys = pages.blob(1);
    if (keys.empty() || keys.size() % kBytesPerKey != 0) return std::unexpected(malformed(reader, generation));
    for (std::size_t at = 0; at < keys.size(); at += kBytesPerKey) {
      if (base::load_integer<std::uint64_t>(keys.data() + at) != hash) continue;
      positions.push_back(base::load_integer<std::uint64_t>(keys.data() + at + sizeof hash));
    }
    if (pages.unsigned_integer(0) != hash) return {};
  }
}

/// From the generation's keys, for when the stored filter is missing or damaged.
Result<KeyFilter> make_filter(SqliteDatabase& reader, std::size_t generation) {
  std::string keys;
  {
    TRY(SqliteStatement pages, reader.prepare("SELECT keys FROM sealed_keys WHERE generation = ?1"));
    pages.bind(1, static_cast<std::uint64_t>(generation));
    while (true) {
      TRY(const bool found, pages.step());
      if (!found) break;
      keys += pages.blob(0);
    }
  }
  if (keys.size() % kBytesPerKey != 0) return std::unexpected(malformed(reader, generation));
  KeyFilter filter(keys.size() / kBytesPerKey);
  for (std::size_t at = 0; at < keys.size(); at += kBytesPerKey) {
    filter.add(base::load_integer<std::uint64_t>(keys.data() + at));
  }
  return filter;
}

Result<KeyFilter> load_filter(SqliteDatabase& reader, std::size_t generation) {
  {
    TRY(SqliteStatement statement, reader.prepare("SELECT filter, checksum FROM key_filters WHERE generation = ?1"));
    statement.bind(1, static_cast<std::uint64_t>(generation));
    TRY(const bool found, statement.step());
    if (found) {
      const auto checksum = static_cast<std::uint32_t>(statement.integer(1));
      if (auto filter = KeyFilter::from_bytes(statement.blob(0), checksum)) return *std::move(filter);
    }
  }
  return make_filter(reader, generation);
}

}  // namespace

std::uint64_t hash_key(KeyKind kind, std::string_view tenant, std::string_view key) {
  // The tenant's length in front: where it ends is then no question.
  std::string head(1, static_cast<char>(kind));
  base::append_integer(head, static_cast<std::uint32_t>(tenant.size()));
  return base::load_integer<std::uint64_t>(base::sha256({head, tenant, key}).bytes.data());
}

KeyGenerations::KeyGenerations(KeyGenerationOptions options) : options_(options) {}

Result<void> KeyGenerations::add(SqliteDatabase& writer, std::vector<BoundKey> keys) {
  if (keys.empty()) return {};
  TRY(load_unsealed(writer));
  std::ranges::sort(keys, {}, [](const BoundKey& key) { return std::pair(key.position, key.hash); });
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  TRY(std::size_t unsealed, read_meta(writer, kUnsealed));
  for (std::span<BoundKey> rest(keys); !rest.empty();) {
    const std::size_t room = options_.keys_per_generation - std::min(unsealed, options_.keys_per_generation);
    const std::size_t taken = std::min(room, rest.size());
    TRY(insert_recent(writer, rest.first(taken)));
    rest = rest.subspan(taken);
    unsealed += taken;
    if (unsealed < options_.keys_per_generation) continue;
    TRY(seal(writer));
    unsealed = 0;
  }
  return write_meta(writer, kUnsealed, unsealed);
}

Result<void> KeyGenerations::load_unsealed(SqliteDatabase& writer) {
  if (unsealed_) return {};
  TRY(const std::uint64_t sealed, read_meta(writer, kGenerations));
  auto filter = std::make_shared<KeyFilter>(options_.keys_per_generation);
  TRY(SqliteStatement recent, writer.prepare("SELECT hash FROM recent_keys"));
  while (true) {
    TRY(const bool found, recent.step());
    if (!found) break;
    filter->add(recent.unsigned_integer(0));
  }
  unsealed_ = std::move(filter);
  unsealed_generation_ = sealed + 1;
  publish(unsealed_generation_, unsealed_);
  return {};
}

Result<void> KeyGenerations::insert_recent(SqliteDatabase& writer, std::span<BoundKey> keys) {
  // In the B-tree's order: neighbours share the way down.
  std::ranges::sort(keys, {}, [](const BoundKey& key) { return std::pair(stored(key.hash), key.position); });
  TRY(SqliteStatement statement, writer.prepare("INSERT OR IGNORE INTO recent_keys (hash, position) VALUES (?1, ?2)"));
  for (const BoundKey& key : keys) {
    unsealed_->add(key.hash);
    statement.bind(1, key.hash);
    statement.bind(2, key.position);
    TRY(statement.step());
    statement.reset();
  }
  return {};
}

Result<void> KeyGenerations::seal(SqliteDatabase& writer) {
  PageWriter pages(writer, unsealed_generation_);
  {
    TRY(SqliteStatement recent, writer.prepare("SELECT hash, position FROM recent_keys ORDER BY hash, position"));
    while (true) {
      TRY(const bool found, recent.step());
      if (!found) break;
      TRY(pages.add({recent.unsigned_integer(0), recent.unsigned_integer(1)}));
    }
  }
  TRY(pages.finish());
  {
    TRY(SqliteStatement statement,
        writer.prepare("INSERT INTO key_filters (generation, filter, checksum) VALUES (?1, ?2, ?3)"));
    statement.bind(1, static_cast<std::uint64_t>(unsealed_generation_));
    statement.bind_blob(2, unsealed_->bytes());
    statement.bind(3, unsealed_->checksum());
    TRY(statement.step());
  }
  TRY(writer.run("DELETE FROM recent_keys"));
  TRY(write_meta(writer, kGenerations, unsealed_generation_));
  unsealed_ = std::make_shared<KeyFilter>(options_.keys_per_generation);
  publish(++unsealed_generation_, unsealed_);
  return {};
}

// Before the keys are committed. The mutex is what makes them visible to whoever sees the commit.
void KeyGenerations::publish(std::size_t generation, std::shared_ptr<const KeyFilter> filter) {
  const std::scoped_lock lock(mutex_);
  filled_generation_ = generation;
  put(generation, std::move(filter));
}

// Under the mutex.
void KeyGenerations::put(std::size_t generation, std::shared_ptr<const KeyFilter> filter) {
  auto filters = std::make_shared<Filters>(*filters_);
  filters->resize(std::max(filters->size(), generation));
  (*filters)[generation - 1] = std::move(filter);
  complete_ = filled_generation_ == filters->size() && std::ranges::find(*filters, nullptr) == filters->end();
  filters_ = std::move(filters);
}

void KeyGenerations::rolled_back() {
  unsealed_.reset();
  const std::scoped_lock lock(mutex_);
  filters_ = std::make_shared<Filters>();
  filled_generation_ = 0;
  complete_ = false;
}

std::shared_ptr<const KeyGenerations::Filters> KeyGenerations::filters() const {
  const std::scoped_lock lock(mutex_);
  return filters_;
}

bool KeyGenerations::surely_unbound(KeyKind kind, std::string_view tenant, std::string_view key) const {
  std::shared_ptr<const Filters> known;
  {
    const std::scoped_lock lock(mutex_);
    if (!complete_) return false;
    known = filters_;
  }
  const std::uint64_t hash = options_.hash(kind, tenant, key);
  for (const auto& filter : *known) filter->prefetch(hash);
  return std::ranges::none_of(*known, [&](const auto& filter) { return filter->may_hold(hash); });
}

Result<std::vector<std::uint64_t>> KeyGenerations::find(SqliteDatabase& reader, KeyKind kind, std::string_view tenant,
                                                        std::string_view key) {
  const std::uint64_t hash = options_.hash(kind, tenant, key);
  std::vector<std::uint64_t> positions;
  TRY(find_recent(reader, hash, positions));
  TRY(const std::size_t generations, read_meta(reader, kGenerations));
  TRY(load_one_filter(reader, generations));
  const auto known = filters();
  for (std::size_t i = 0; i < generations; ++i) {
    const bool excluded = i < known->size() && (*known)[i] && !(*known)[i]->may_hold(hash);
    if (!excluded) TRY(find_sealed(reader, i + 1, hash, positions));
  }
  std::ranges::sort(positions, std::greater());
  const auto repeated = std::ranges::unique(positions);
  positions.erase(repeated.begin(), repeated.end());
  return positions;
}

// The newest of those that are missing; one thread at a time, and nobody waits for it.
Result<void> KeyGenerations::load_one_filter(SqliteDatabase& reader, std::size_t generations) {
  std::size_t missing = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (loading_ || ++questions_ <= kQuestionsWithoutFilters) return {};
    missing = generations;
    while (missing > 0 && missing <= filters_->size() && (*filters_)[missing - 1]) --missing;
    if (missing == 0) return {};
    loading_ = true;
  }
  auto loaded = load_filter(reader, missing);
  const std::scoped_lock lock(mutex_);
  loading_ = false;
  if (!loaded) return std::unexpected(std::move(loaded).error());
  put(missing, std::make_shared<const KeyFilter>(*std::move(loaded)));
  return {};
}

}  // namespace symphainy::public_works

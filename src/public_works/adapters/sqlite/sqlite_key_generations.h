// SPDX-License-Identifier: Apache-2.0
// From an intent id or an idempotency key to the executions that it may stand for.
//
// Such keys come in no order: in one index over all of them every insertion dirties another page, and the larger
// state.db grows, the more a transaction writes. Here a key is a 64-bit hash beside its row's position, and only the
// newest keys stand in a B-tree (recent_keys), small enough to stay cached. When there are `keys_per_generation` of
// them, they are written once more, in the hashes' order (sealed_keys), and never touched again. A filter for each
// sealed generation (key_filters) lets a key that is new, the usual case, be told without reading any of them.
//
// Hashes may collide: what is found are candidates, and the row has the last word. Which keys make a generation follows
// from the log alone, not from how it was cut into transactions: two folds of one log hold the same bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

#include "public_works/adapters/sqlite/key_filter.h"

namespace symphainy::public_works {

class SqliteDatabase;

enum class KeyKind : char { intent = 'i', idempotency_key = 'k' };

/// The first eight bytes of SHA-256. Another hash finds nothing in a file written with this one: a change of it is one
/// of the schema.
[[nodiscard]] std::uint64_t hash_key(KeyKind kind, std::string_view tenant, std::string_view key);

struct KeyGenerationOptions {
  /// Each generation of 2^19 takes 768 KiB of memory for its filter and makes a question a little slower; with twice as
  /// many keys an apply dirties twice the pages.
  std::size_t keys_per_generation = std::size_t{1} << 19U;
  std::uint64_t (*hash)(KeyKind kind, std::string_view tenant, std::string_view key) = hash_key;
};

/// A key's hash, and the position that is its row's key.
struct BoundKey {
  std::uint64_t hash = 0;
  std::uint64_t position = 0;

  friend bool operator==(const BoundKey&, const BoundKey&) = default;
};

class KeyGenerations {
 public:
  explicit KeyGenerations(KeyGenerationOptions options);

  [[nodiscard]] BoundKey bound(KeyKind kind, std::string_view tenant, std::string_view key,
                               std::uint64_t position) const {
    return {options_.hash(kind, tenant, key), position};
  }

  /// Within the writer's transaction, by one thread. When that fails, tell it by rolled_back(). What is bound
  /// already does not do any harm.
  [[nodiscard]] Result<void> add(SqliteDatabase& writer, std::vector<BoundKey> keys);
  void rolled_back();

  /// True: nothing that was committed so far binds the key. Told from memory, and only where this object adds the keys
  /// and all filters are loaded; false says nothing. Any thread.
  [[nodiscard]] bool surely_unbound(KeyKind kind, std::string_view tenant, std::string_view key) const;

  /// The positions that the key may be bound to, highest first. Any thread, within a read transaction of `reader`.
  [[nodiscard]] Result<std::vector<std::uint64_t>> find(SqliteDatabase& reader, KeyKind kind, std::string_view tenant,
                                                        std::string_view key);

 private:
  // [0] is generation 1's; null: not loaded. Where keys are added, the last one is of those that are not sealed yet.
  using Filters = std::vector<std::shared_ptr<const KeyFilter>>;

  [[nodiscard]] Result<void> load_unsealed(SqliteDatabase& writer);
  [[nodiscard]] Result<void> insert_recent(SqliteDatabase& writer, std::span<BoundKey> keys);
  [[nodiscard]] Result<void> seal(SqliteDatabase& writer);
  void publish(std::size_t generation, std::shared_ptr<const KeyFilter> filter);
  void put(std::size_t generation, std::shared_ptr<const KeyFilter> filter);
  [[nodiscard]] std::shared_ptr<const Filters> filters() const;
  [[nodiscard]] Result<void> load_one_filter(SqliteDatabase& reader, std::size_t generations);

  const KeyGenerationOptions options_;

  // The writer's. What it adds is seen before it is committed: a filter may hold too much, but never too little.
  std::shared_ptr<KeyFilter> unsealed_;  ///< null: not loaded
  std::size_t unsealed_generation_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<const Filters> filters_ = std::make_shared<Filters>();  ///< guarded by mutex_, like the next four
  std::size_t filled_generation_ = 0;  ///< whose keys are not sealed yet; 0: nothing is added here
  bool complete_ = false;              ///< filters_ has those of all generations and of the unsealed keys
  std::size_t questions_ = 0;
  bool loading_ = false;
};

}  // namespace symphainy::public_works

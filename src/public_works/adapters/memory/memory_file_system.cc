// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/memory_file_system.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/try.h"
#include "public_works/abstractions/posix_error.h"

namespace symphainy::public_works {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 36;
constexpr std::uint64_t kDevice = 1;

std::unexpected<Error> fail_errno(int number, std::string_view action, const std::string& path) {
  return std::unexpected(posix_error(number, action, path));
}

std::vector<std::string> names_in(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0 && path.substr(0, slash) != ".") names.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return names;
}

}  // namespace

struct MemoryFileSystem::Node {
  std::uint64_t inode = 0;
  bool is_directory = false;
  bool is_locked = false;
  std::int64_t modified_ns = 0;
  std::string content;
  std::map<std::string, std::shared_ptr<Node>> entries;
};

// Nodes and the mutex that guards all of them.
class MemoryFileSystem::Tree {
 public:
  using NodePtr = std::shared_ptr<Node>;

  // Where a path leads: an entry of a directory, which may be absent. The root is no entry: it has no name.
  struct Place {
    NodePtr directory;
    std::string name;
    NodePtr node;
    std::string path;  // the directory's, canonical, then the name
  };

  Tree() : root_(make(true)) {}

  std::mutex mutex;

  // Walks as the kernel does: every name before the last must be a directory, ".." goes back. An errno when it cannot.
  [[nodiscard]] std::expected<Place, int> find(const std::string& path) const {
    if (path.empty()) return std::unexpected(ENOENT);
    const std::vector<std::string> names = names_in(path);
    std::vector<std::pair<std::string, NodePtr>> trail = {{"", root_}};
    for (std::size_t i = 0; i < names.size(); ++i) {
      const NodePtr& here = trail.back().second;
      if (!here->is_directory) return std::unexpected(ENOTDIR);
      if (names[i] == "..") {
        if (trail.size() > 1) trail.pop_back();
        continue;
      }
      const auto entry = here->entries.find(names[i]);
      if (entry == here->entries.end()) {
        if (i + 1 < names.size()) return std::unexpected(ENOENT);
        return Place{here, names[i], nullptr, text_of(trail) + "/" + names[i]};
      }
      trail.emplace_back(names[i], entry->second);
    }
    if (path.ends_with('/') && !trail.back().second->is_directory) return std::unexpected(ENOTDIR);
    if (trail.size() == 1) return Place{nullptr, "", root_, "/"};
    return Place{trail[trail.size() - 2].second, trail.back().first, trail.back().second, text_of(trail)};
  }

  NodePtr make(bool is_directory) {
    auto node = std::make_shared<Node>();
    node->inode = ++last_inode_;
    node->is_directory = is_directory;
    touch(*node);
    return node;
  }

  NodePtr add(Place& place, bool is_directory) {
    place.node = make(is_directory);
    place.directory->entries[place.name] = place.node;
    touch(*place.directory);
    return place.node;
  }

  // Counts changes instead of reading a clock, so that two runs give equal times.
  void touch(Node& node) noexcept { node.modified_ns = ++last_change_ns_; }

 private:
  static std::string text_of(const std::vector<std::pair<std::string, NodePtr>>& trail) {
    std::string text;
    for (const auto& [name, node] : trail) {
      if (!name.empty()) text += "/" + name;
    }
    return text;
  }

  std::uint64_t last_inode_ = 0;
  std::int64_t last_change_ns_ = 0;
  NodePtr root_;
};

namespace {

FileStat stat_of(const auto& node) {
  return {.size = node.content.size(),
          .modified_ns = node.modified_ns,
          .device = kDevice,
          .inode = node.inode,
          .is_directory = node.is_directory,
          .is_regular = !node.is_directory};
}

}  // namespace

class MemoryFileSystem::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<Tree> tree, std::shared_ptr<Node> node, std::string path, bool is_writable)
      : tree_(std::move(tree)), node_(std::move(node)), path_(std::move(path)), is_writable_(is_writable) {}

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    const std::lock_guard lock(tree_->mutex);
    out.clear();
    if (offset < node_->content.size()) out = node_->content.substr(offset, length);
    return {};
  }

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    if (!is_writable_) return fail_errno(EBADF, "write", path_);
    if (bytes.empty()) return {};
    if (offset > kLargestFile - std::min<std::uint64_t>(bytes.size(), kLargestFile)) {
      return fail_errno(EFBIG, "write", path_);
    }
    const std::lock_guard lock(tree_->mutex);
    std::string& content = node_->content;
    if (content.size() < offset) content.resize(offset);
    content.replace(offset, std::min(bytes.size(), content.size() - offset), bytes);
    tree_->touch(*node_);
    return {};
  }

  Result<void> sync_data() override { return {}; }

  Result<void> truncate(std::uint64_t size) override {
    if (!is_writable_) return fail_errno(EBADF, "truncate", path_);
    if (size > kLargestFile) return fail_errno(EFBIG, "truncate", path_);
    const std::lock_guard lock(tree_->mutex);
    node_->content.resize(size);
    tree_->touch(*node_);
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    TRY(const FileStat found, stat());
    return size > found.size ? truncate(size) : Result<void>();
  }

  Result<FileStat> stat() const override {
    const std::lock_guard lock(tree_->mutex);
    return stat_of(*node_);
  }

 private:
  std::shared_ptr<Tree> tree_;
  std::shared_ptr<Node> node_;
  std::string path_;
  bool is_writable_;
};

class MemoryFileSystem::Lock final : public FileLock {
 public:
  Lock(std::shared_ptr<Tree> tree, std::shared_ptr<Node> node) : tree_(std::move(tree)), node_(std::move(node)) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() override {
    const std::lock_guard lock(tree_->mutex);
    node_->is_locked = false;
  }

 private:
  std::shared_ptr<Tree> tree_;
  std::shared_ptr<Node> node_;
};

MemoryFileSystem::MemoryFileSystem() : tree_(std::make_shared<Tree>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  const bool creates = mode == OpenMode::create || mode == OpenMode::create_new;
  const std::lock_guard lock(tree_->mutex);
  auto place = tree_->find(path);
  if (!place) return fail_errno(place.error(), "open", path);
  if (!place->node) {
    if (!creates) return fail_errno(ENOENT, "open", path);
    if (path.ends_with('/')) return fail_errno(EISDIR, "open", path);
    tree_->add(*place, false);
  } else if (mode == OpenMode::create_new) {
    return fail_errno(EEXIST, "open", path);
  } else if (place->node->is_directory) {
    return fail_errno(EISDIR, "open", path);
  }
  return std::make_unique<OpenFile>(tree_, place->node, path, mode != OpenMode::read);
}

Result<std::optional<FileStat>> MemoryFileSystem::stat(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  const auto place = tree_->find(path);
  if (!place || !place->node) return std::nullopt;
  return stat_of(*place->node);
}

Result<std::string> MemoryFileSystem::canonical(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  const auto place = tree_->find(path);
  if (!place || !place->node) return fail_errno(place ? ENOENT : place.error(), "resolve", path);
  return place->path;
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& directory) {
  const std::lock_guard lock(tree_->mutex);
  const auto place = tree_->find(directory);
  if (!place || !place->node) return fail_errno(place ? ENOENT : place.error(), "list", directory);
  if (!place->node->is_directory) return fail_errno(ENOTDIR, "list", directory);
  std::vector<std::string> names;
  for (const auto& [name, node] : place->node->entries) names.push_back(name);
  return names;
}

Result<void> MemoryFileSystem::create_directories(const std::string& path) {
  if (path.empty()) return fail_errno(ENOENT, "create directory", path);
  const std::lock_guard lock(tree_->mutex);
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    auto place = tree_->find(part);
    if (!place) return fail_errno(place.error(), "create directory", path);
    if (!place->node) tree_->add(*place, true);
    const bool is_last = end == std::string::npos;
    if (!place->node->is_directory) return fail_errno(is_last ? EEXIST : ENOTDIR, "create directory", path);
    if (is_last) return {};
  }
}

Result<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string action = fmt::format("rename to {}", to);
  const std::lock_guard lock(tree_->mutex);
  const auto source = tree_->find(from);
  if (!source || !source->node) return fail_errno(source ? ENOENT : source.error(), action, from);
  const auto target = tree_->find(to);
  if (!target) return fail_errno(target.error(), action, from);
  if (!source->directory || !target->directory) return fail_errno(EBUSY, action, from);
  if (source->node == target->node) return {};
  if (target->path.starts_with(source->path + "/")) return fail_errno(EINVAL, action, from);
  if (target->node) {
    if (target->node->is_directory && !source->node->is_directory) return fail_errno(EISDIR, action, from);
    if (!target->node->is_directory && source->node->is_directory) return fail_errno(ENOTDIR, action, from);
    if (!target->node->entries.empty()) return fail_errno(ENOTEMPTY, action, from);
  }
  const std::shared_ptr<Node> moved = source->node;
  source->directory->entries.erase(source->name);
  target->directory->entries[target->name] = moved;
  tree_->touch(*source->directory);
  tree_->touch(*target->directory);
  return {};
}

Result<void> MemoryFileSystem::remove(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  const auto place = tree_->find(path);
  if (!place || !place->node) return {};
  if (!place->directory) return fail_errno(EBUSY, "remove", path);
  if (!place->node->entries.empty()) return fail_errno(ENOTEMPTY, "remove", path);
  place->directory->entries.erase(place->name);
  tree_->touch(*place->directory);
  return {};
}

Result<void> MemoryFileSystem::sync_directory(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  const auto place = tree_->find(path);
  if (!place || !place->node) return fail_errno(place ? ENOENT : place.error(), "open directory", path);
  if (!place->node->is_directory) return fail_errno(ENOTDIR, "open directory", path);
  return {};
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) {
  const std::lock_guard lock(tree_->mutex);
  auto place = tree_->find(path);
  if (!place) return fail_errno(place.error(), "open", path);
  if (place->node && place->node->is_directory) return fail_errno(EISDIR, "open", path);
  if (!place->node) tree_->add(*place, false);
  if (place->node->is_locked) return fail_errno(EWOULDBLOCK, "lock", path);
  place->node->is_locked = true;
  return std::make_unique<Lock>(tree_, place->node);
}

}  // namespace symphainy::public_works

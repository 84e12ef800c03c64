// SPDX-License-Identifier: Apache-2.0
// Precompiled header: the standard headers and Boost.JSON. Files still include what they use.
#pragma once
// IWYU pragma: begin_keep
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>
// IWYU pragma: end_keep

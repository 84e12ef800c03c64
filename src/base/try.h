// SPDX-License-Identifier: Apache-2.0
// TRY and CHECK, the project's only two macros of general use.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "symphainy/error.h"

#define SYMPHAINY_JOIN_(a, b) a##b
#define SYMPHAINY_JOIN(a, b) SYMPHAINY_JOIN_(a, b)

/// TRY(expr): returns its error from this function. TRY(auto x, expr): else declares x with its value.
#define SYMPHAINY_TRY1(expr)                                                                          \
  do {                                                                                                \
    if (auto try_result = (expr); !try_result) return std::unexpected(std::move(try_result).error()); \
  } while (false)
#define SYMPHAINY_TRY2(decl, expr) SYMPHAINY_TRY2_(decl, expr, SYMPHAINY_JOIN(try_result_, __LINE__))
#define SYMPHAINY_TRY2_(decl, expr, name)                     \
  auto name = (expr);                                         \
  if (!name) return std::unexpected(std::move(name).error()); \
  decl = *std::move(name)
#define SYMPHAINY_TRY_PICK(_1, _2, name, ...) name
#define TRY(...) SYMPHAINY_TRY_PICK(__VA_ARGS__, SYMPHAINY_TRY2, SYMPHAINY_TRY1)(__VA_ARGS__)

/// An invariant of our own. Stays on in release: going on after it broke would write nonsense to the log.
#define CHECK(condition)                                                                             \
  do {                                                                                               \
    if (!(condition)) [[unlikely]] {                                                                 \
      std::fprintf(stderr, "symphainy: CHECK failed: %s (%s:%d)\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                                  \
    }                                                                                                \
  } while (false)

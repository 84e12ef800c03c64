// SPDX-License-Identifier: Apache-2.0
// An HTTP request and its answer as the routes see them: no library's type, so that routes are tested without sockets.
// A refusal is always problem details (RFC 9457) that carry our own error, so that a client can build it again.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "symphainy/error.h"

namespace symphainy::experience {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kProblemType = "application/problem+json";

struct HttpRequest {
  std::string method;
  std::string target;  ///< as it was sent: path and query
  std::string body;
};

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type{kJsonType};
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Takes what makes the one answer to a request; it is called on the server's thread, so that a thread that others wait
/// for loses no time with it. May be called from any thread, and never blocks it.
using Reply = std::function<void(std::move_only_function<HttpAnswer()>)>;
/// For an answer that is there already.
void reply_with(const Reply& reply, HttpAnswer answer);

/// What answers requests. Called on the server's thread, which it must not block.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// Calls `reply` once, now or later.
  virtual void handle(HttpRequest request, Reply reply) = 0;
  /// The longest body that it takes, in bytes.
  [[nodiscard]] virtual std::size_t body_limit() const noexcept = 0;
};

/// The HTTP status that stands for an error of ours.
[[nodiscard]] unsigned http_status(const Error& error) noexcept;
/// Problem details: {"type", "title", "status", "detail", "code", "reason"?, "details"?}.
[[nodiscard]] HttpAnswer problem(const Error& error);
/// The same where HTTP has a more exact status than the error's code: 405, 408, 413, 431.
[[nodiscard]] HttpAnswer problem(unsigned status, const Error& error);
/// The error that problem details carry; `internal` when they are none.
[[nodiscard]] Error error_of_problem(const HttpAnswer& answer);

}  // namespace symphainy::experience

// SPDX-License-Identifier: Apache-2.0
// Requests over a control socket: a few connections, one request each at a time, and a queue before them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "experience/http_message.h"

namespace symphainy::experience {

struct ClientLimits {
  std::size_t connections = 16;
  std::size_t queued = 16'384;  ///< requests not answered yet; more are refused as overloaded
  /// How long a request that there was no room for is sent again, and again.
  std::chrono::milliseconds again_for = std::chrono::minutes(10);
  std::chrono::milliseconds connect_for = std::chrono::seconds(5);  ///< while the socket's backlog is full
};

class HttpClient {
 public:
  HttpClient(std::string data_directory, ClientLimits limits);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// As wait().
  ~HttpClient();

  /// An answer, whatever its status; or an error. unavailable and overloaded: nothing of it happened. unknown: it may
  /// have.
  using Done = std::function<void(Result<HttpAnswer>)>;
  /// Never blocks. Calls `done` once, from the client's thread; a refusal from the caller's, before send() returns.
  void send(HttpRequest request, Done done);
  /// Waits for the answer; unavailable, reason "no_answer", when it has not come so long behind its sending. Not from a
  /// `done`.
  [[nodiscard]] Result<HttpAnswer> ask(HttpRequest request,
                                       std::optional<std::chrono::milliseconds> at_most = std::nullopt);
  /// Waits until everything sent is answered. What there is no room for meanwhile is sent once more at most, and then
  /// answered so. Not from a `done`.
  void wait();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symphainy::experience

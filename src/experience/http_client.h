// SPDX-License-Identifier: Apache-2.0
// Requests over a control socket: a few connections, one request each at a time, and a queue before them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "experience/http_message.h"

namespace symphainy::experience {

struct ClientLimits {
  std::size_t connections = 16;
  std::size_t queued = 16'384;  ///< requests not answered yet; more are refused as overloaded
};

class HttpClient {
 public:
  HttpClient(std::string data_directory, ClientLimits limits);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// As wait().
  ~HttpClient();

  /// An answer, whatever its status; or an error. unavailable: nothing of it happened. unknown: it may have.
  using Done = std::function<void(Result<HttpAnswer>)>;
  /// Never blocks. Calls `done` once, from the client's thread; a refusal from the caller's, before send() returns.
  void send(HttpRequest request, Done done);
  /// Waits for the answer. Not from a `done`.
  [[nodiscard]] Result<HttpAnswer> ask(HttpRequest request);
  /// Waits until everything sent is answered. Not from a `done`.
  void wait();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symphainy::experience

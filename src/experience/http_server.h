// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over sockets, bounded in every direction: connections, header, body, and the time a peer may take.
//
// One thread of its own runs all connections; a connection's requests are answered one after the other, in order. What
// a request means is the handler's: here is only what may be a request at all.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "symphainy/error.h"

#include "experience/http_message.h"

namespace symphainy::experience {

struct HttpLimits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t connections = 256;                              ///< on the local socket; one more is told so and closed
  std::size_t loopback_connections = 8;                       ///< of each loopback listener, likewise
  std::size_t received_bytes = 256 * 1024 * 1024;             ///< of all bodies that are not whole yet; beyond it 503
  std::chrono::milliseconds idle = std::chrono::seconds(60);  ///< between two requests
  std::chrono::milliseconds header_time = std::chrono::seconds(5);  ///< from a request's first byte to its header's end
  std::chrono::milliseconds body_time = std::chrono::seconds(30);   ///< from there to its body's end
  std::chrono::milliseconds answer_time = std::chrono::seconds(30);  ///< for the peer to take the answer
};

/// A loopback address that was listened on, and its port.
struct TcpEndpoint {
  std::string address;  ///< as in a URL: "127.0.0.1:9464", "[::1]:9464"
};

class HttpServer {
 public:
  explicit HttpServer(HttpLimits limits = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// As stop().
  ~HttpServer();

  /// Takes connections from a listening local socket, which it closes; `handler` outlives the server.
  [[nodiscard]] Result<void> serve_local(int listening, HttpHandler& handler);
  /// Takes connections at "127.0.0.1:PORT" or "[::1]:PORT"; port 0 is any free one. invalid_argument when the address
  /// is no loopback address: what is served there is for this machine.
  [[nodiscard]] Result<TcpEndpoint> serve_loopback(const std::string& address, HttpHandler& handler);

  /// Takes no more connections, waits until every request that has arrived is answered, closes the rest. A peer that
  /// does not read its answer may delay that by `answer_time`. Not from the server's own thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace symphainy::experience

// SPDX-License-Identifier: Apache-2.0
// One connection of the server: a socket, the time that its present operation may take, and the wait for an answer that
// somebody else gives. All of it on the server's thread.
#pragma once

#include <boost/asio.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace symphainy::experience {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  explicit Connection(Socket socket)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), sleep_(socket_.get_executor()) {}

  [[nodiscard]] Socket& socket() noexcept { return socket_; }
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
  /// From now on; what was set before counts no more.
  void limit(std::chrono::milliseconds time) {
    timed_out_ = false;
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code failed) {
      // It may have been set anew when this was already on its way.
      if (failed || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
      self->timed_out_ = true;
      self->cancel();
    });
  }
  void no_limit() noexcept { timer_.cancel(); }

  /// Waits until wake(), or until the peer has closed its connection: one that only has nothing more to send may still
  /// read its answer. Over TCP that cannot be told apart, and a peer that has left is noticed when it is answered.
  boost::asio::awaitable<void> sleep() {
    sleep_.expires_at(std::chrono::steady_clock::time_point::max());
    // It ends with an error when the socket is cancelled, too.
    socket_.async_wait(Socket::wait_error, [self = shared_from_this()](boost::system::error_code failed) {
      if (failed) return;
      self->peer_left_ = true;
      self->wake();
    });
    (void)co_await sleep_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    cancel();
  }
  void wake() { sleep_.cancel(); }
  [[nodiscard]] bool peer_left() const noexcept { return peer_left_; }

  void cancel() noexcept {
    boost::system::error_code ignored;
    (void)socket_.cancel(ignored);
  }
  void close() noexcept {
    timer_.cancel();
    sleep_.cancel();
    boost::system::error_code ignored;
    (void)socket_.close(ignored);
  }

 private:
  Socket socket_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer sleep_;
  bool timed_out_ = false;
  bool peer_left_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

}  // namespace symphainy::experience

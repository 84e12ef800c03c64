// SPDX-License-Identifier: Apache-2.0
// The only place that knows the library's HTTP server types. A connection is one coroutine, from its first byte to its
// close; everything here runs on the server's one thread, so that nothing is locked.
#include "experience/http_server.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/try.h"
#include "experience/http_connection.h"
#include "experience/http_wire.h"

namespace symphainy::experience {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Socket = Connection::Socket;
using boost::system::error_code;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
// What a refused peer may still send before its connection is closed: enough to let it read the refusal.
constexpr std::size_t kDiscardedBytes = 4 * 1024 * 1024;
constexpr auto kDiscardTime = std::chrono::seconds(1);

/// An answer that somebody else will give. What is in it is let go on the server's thread: the last who holds it may be
/// another.
struct Awaited {
  explicit Awaited(ConnectionPtr waiting, const Socket::executor_type& executor)
      : connection(std::move(waiting)), work(executor) {}

  void tell(std::move_only_function<HttpAnswer()> make) {
    const ConnectionPtr waiting = std::move(connection);
    const auto until_told = std::move(work);
    waiting->wake();
    told = true;
    try {
      answer = make();
    } catch (const std::exception&) {
      answer = answer_lost();
    }
  }

  ConnectionPtr connection;
  asio::executor_work_guard<Socket::executor_type> work;  // also when its connection is gone, the reply is waited for
  bool told = false;
  std::optional<HttpAnswer> answer;  ///< none when there was no memory even for saying so
};

/// The handler's answer, brought from whatever thread gives it to the connection's; none when the peer has left, or
/// cannot be told.
asio::awaitable<std::optional<HttpAnswer>> answer_of(HttpHandler& handler, HttpRequest request,
                                                     ConnectionPtr connection) {
  const auto executor = connection->socket().get_executor();
  const auto awaited = std::make_shared<Awaited>(connection, executor);
  try {
    handler.handle(std::move(request), [awaited, executor](std::move_only_function<HttpAnswer()> make) {
      asio::post(executor, [awaited, make = std::move(make)]() mutable { awaited->tell(std::move(make)); });
    });
  } catch (const std::exception&) {
    co_return answer_lost();
  }
  while (!awaited->told && !connection->peer_left()) co_await connection->sleep();
  co_return std::move(awaited->answer);
}

/// Where connections come in, and those that have.
struct Listener {
  [[nodiscard]] bool has_too_many() const noexcept { return connections.size() > most; }
  /// A few more than the limit are told so; others wait until those are gone.
  [[nodiscard]] bool is_crowded() const noexcept { return connections.size() >= 2 * most; }

  HttpHandler& handler;
  std::size_t most;
  std::function<void()> close;
  std::set<ConnectionPtr> connections = {};
};

using ListenerPtr = std::shared_ptr<Listener>;

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(HttpLimits limits)
      : limits_(limits), work_(asio::make_work_guard(context_)), thread_([this] { run(); }) {}
  ~Impl() { stop(); }

  Result<void> serve_local(int listening, HttpHandler& handler) {
    asio::local::stream_protocol::acceptor acceptor(context_);
    error_code failed;
    (void)acceptor.assign(asio::local::stream_protocol(), listening, failed);
    if (failed) return fail(ErrorCode::io_error, "cannot listen on the control socket: " + failed.message());
    begin(std::move(acceptor), handler, limits_.connections);
    return {};
  }

  Result<TcpEndpoint> serve_loopback(const std::string& address, HttpHandler& handler) {
    TRY(const asio::ip::tcp::endpoint wanted, loopback_endpoint(address));
    try {
      asio::ip::tcp::acceptor acceptor(context_, wanted, true);
      TcpEndpoint made{fmt::format(fmt::runtime(wanted.address().is_v6() ? "[{}]:{}" : "{}:{}"),
                                   wanted.address().to_string(), acceptor.local_endpoint().port())};
      begin(std::move(acceptor), handler, limits_.loopback_connections);
      return made;
    } catch (const boost::system::system_error& error) {
      return fail(
          ErrorCode::unavailable,
          fmt::format("cannot listen on {}: {}; name another port (0: any free one), or stop what listens there",
                      address, error.code().message()),
          "address");
    }
  }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] {
      stopping_ = true;
      for (const ListenerPtr& listener : listeners_) listener->close();
      close_when_answered();
    });
    work_.reset();
    thread_.join();
  }

 private:
  /// One more request that stopping waits for.
  struct Answering {
    explicit Answering(Impl& server) : server_(server) { ++server_.answering_; }
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;
    ~Answering() {
      --server_.answering_;
      server_.close_when_answered();
    }
    Impl& server_;
  };

  /// A body's part of what all of them may take while they are received.
  class Receiving {
   public:
    explicit Receiving(Impl& server) : server_(server) {}
    Receiving(const Receiving&) = delete;
    Receiving& operator=(const Receiving&) = delete;
    ~Receiving() { server_.receiving_ -= bytes_; }
    /// False when the others leave no room for it.
    bool takes(std::size_t bytes) {
      if (bytes <= bytes_) return true;
      if (server_.receiving_ + (bytes - bytes_) > server_.limits_.received_bytes) return false;
      server_.receiving_ += bytes - bytes_;
      bytes_ = bytes;
      return true;
    }

   private:
    Impl& server_;
    std::size_t bytes_ = 0;
  };

  // What is thrown out of a completion, for want of memory, costs that one and not the process.
  void run() {
    while (true) {
      try {
        context_.run();
        return;
      } catch (const std::exception&) {
      }
    }
  }

  template <typename Acceptor>
  void begin(Acceptor acceptor, HttpHandler& handler, std::size_t most) {
    auto shared = std::make_shared<Acceptor>(std::move(acceptor));
    auto listener = std::make_shared<Listener>(handler, most, [shared] {
      error_code ignored;
      (void)shared->close(ignored);
    });
    asio::post(context_, [this, shared, listener] {
      listeners_.push_back(listener);
      asio::co_spawn(context_, accept(shared, listener), asio::detached);
    });
  }

  template <typename AcceptorPtr>
  asio::awaitable<void> accept(AcceptorPtr acceptor, ListenerPtr listener) {
    bool failed = false;
    while (acceptor->is_open()) {
      try {
        if (failed || listener->is_crowded()) co_await pause();
        failed = true;
        auto [refused, socket] = co_await acceptor->async_accept(kNoThrow);
        if (!refused) take(Socket(std::move(socket)), listener);
        failed = static_cast<bool>(refused);  // out of descriptors, most likely: some come back
      } catch (const std::exception&) {
        // Out of memory: this connection is lost, and others come.
      }
    }
  }

  asio::awaitable<void> pause() {
    asio::steady_timer timer(context_, std::chrono::milliseconds(50));
    (void)co_await timer.async_wait(kNoThrow);
  }

  void take(Socket socket, const ListenerPtr& listener) {
    if (stopping_) return;
    auto connection = std::make_shared<Connection>(std::move(socket));
    listener->connections.insert(connection);
    // An exception ends its connection and nothing else.
    asio::co_spawn(context_, listener->has_too_many() ? turn_away(connection) : converse(connection, listener->handler),
                   [connection, listener](const std::exception_ptr&) {
                     connection->close();
                     listener->connections.erase(connection);
                   });
  }

  asio::awaitable<void> turn_away(ConnectionPtr connection) {
    (void)co_await refuse(*connection, too_many_connections(), Asked::whole);
  }

  asio::awaitable<void> converse(ConnectionPtr connection, HttpHandler& handler) {
    beast::flat_buffer buffer(limits_.header_bytes + 64 * 1024);
    bool goes_on = true;
    while (goes_on) {
      if (!co_await first_byte(*connection, buffer)) co_return;
      goes_on = co_await one_request(*connection, buffer, handler);
    }
  }

  asio::awaitable<bool> first_byte(Connection& connection, beast::flat_buffer& buffer) {
    if (buffer.size() > 0) co_return true;
    connection.limit(limits_.idle);
    const auto [failed, count] = co_await connection.socket().async_read_some(buffer.prepare(4096), kNoThrow);
    buffer.commit(count);
    co_return !failed;
  }

  /// Whether another may follow on this connection.
  asio::awaitable<bool> one_request(Connection& connection, beast::flat_buffer& buffer, HttpHandler& handler) {
    HttpParser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser.body_limit(handler.body_limit());
    connection.limit(limits_.header_time);
    auto [failed, ignored] = co_await http::async_read_header(connection.socket(), buffer, parser, kNoThrow);
    if (!failed) {
      if (auto refusal = ambiguity(parser.get()))
        co_return co_await refuse(connection, *std::move(refusal), asked_by(parser.get()));
      connection.limit(limits_.body_time);
      failed = co_await read_body(connection, buffer, parser);
    }
    if (failed) {
      auto refusal =
          failed == asio::error::no_buffer_space ? too_many_bodies() : refusal_of(failed, connection.timed_out());
      if (!refusal) co_return false;
      co_return co_await refuse(connection, *std::move(refusal), asked_by(parser.get()));
    }
    co_return co_await answer(connection, parser.release(), handler);
  }

  /// no_buffer_space: others are being received, and leave no room for it.
  asio::awaitable<error_code> read_body(Connection& connection, beast::flat_buffer& buffer, HttpParser& parser) {
    Receiving receiving(*this);
    if (!receiving.takes(parser.content_length().value_or(0))) co_return asio::error::no_buffer_space;
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      if (auto [failed, ignored] = co_await http::async_write(connection.socket(), go_on, kNoThrow); failed)
        co_return failed;
    }
    while (!parser.is_done()) {
      auto [failed, ignored] = co_await http::async_read_some(connection.socket(), buffer, parser, kNoThrow);
      if (failed) co_return failed;
      if (!receiving.takes(parser.get().body().size())) co_return asio::error::no_buffer_space;
    }
    co_return error_code();
  }

  asio::awaitable<bool> answer(Connection& connection, HttpParser::value_type received, HttpHandler& handler) {
    const Answering counted(*this);
    const bool wants_more = received.keep_alive();
    const Asked asked = asked_by(received);
    connection.limit(std::chrono::hours(24 * 365));  // however long the execution takes
    auto answer = co_await answer_of(handler, request_of(std::move(received)), connection.shared_from_this());
    if (!answer) co_return false;
    const bool goes_on = wants_more && !stopping_;
    connection.limit(limits_.answer_time);
    auto response = response_of(*std::move(answer), asked, goes_on);
    auto [failed, ignored] = co_await http::async_write(connection.socket(), response, kNoThrow);
    co_return !failed && goes_on;
  }

  /// Answers what is no request, and closes; always false.
  asio::awaitable<bool> refuse(Connection& connection, HttpAnswer refusal, Asked asked) {
    connection.limit(kDiscardTime);
    auto response = response_of(std::move(refusal), asked, false);
    auto [failed, ignored] = co_await http::async_write(connection.socket(), response, kNoThrow);
    if (failed) co_return false;
    // Closed with unread bytes, the connection would be reset before the peer has read the answer.
    error_code shut;
    (void)connection.socket().shutdown(Socket::shutdown_send, shut);
    std::string discarded(16 * 1024, '\0');
    for (std::size_t total = 0; total < kDiscardedBytes;) {
      auto [ended, count] = co_await connection.socket().async_read_some(asio::buffer(discarded), kNoThrow);
      if (ended) co_return false;
      total += count;
    }
    co_return false;
  }

  void close_when_answered() {
    if (!stopping_ || answering_ > 0) return;
    for (const ListenerPtr& listener : listeners_)
      for (const ConnectionPtr& connection : listener->connections) connection->close();
  }

  const HttpLimits limits_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<ListenerPtr> listeners_;
  std::size_t answering_ = 0;
  std::size_t receiving_ = 0;  // bytes of bodies that are not whole yet
  bool stopping_ = false;
  std::thread thread_;  ///< last: it uses everything above
};

HttpServer::HttpServer(HttpLimits limits) : impl_(std::make_unique<Impl>(limits)) {}

HttpServer::~HttpServer() = default;

Result<void> HttpServer::serve_local(int listening, HttpHandler& handler) {
  return impl_->serve_local(listening, handler);
}

Result<TcpEndpoint> HttpServer::serve_loopback(const std::string& address, HttpHandler& handler) {
  return impl_->serve_loopback(address, handler);
}

void HttpServer::stop() {
  impl_->stop();
}

}  // namespace symphainy::experience

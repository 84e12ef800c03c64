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

namespace symphainy::experience {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Socket = asio::generic::stream_protocol::socket;
using boost::system::error_code;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
// What a refused peer may still send before its connection is closed: enough to let it read the refusal.
constexpr std::size_t kDiscardedBytes = 4 * 1024 * 1024;
constexpr auto kDiscardTime = std::chrono::seconds(1);

Error invalid(std::string message, std::string reason) {
  return Error{ErrorCode::invalid_argument, std::move(message), std::move(reason), {}};
}

/// A socket and the time that its present operation may take.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(Socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {}

  [[nodiscard]] Socket& socket() noexcept { return socket_; }
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
  /// From now on; what was set before counts no more.
  void limit(std::chrono::milliseconds time) {
    timed_out_ = false;
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](error_code failed) {
      // It may have been set anew when this was already on its way.
      if (failed || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
      self->timed_out_ = true;
      self->cancel();
    });
  }
  void cancel() noexcept {
    error_code ignored;
    (void)socket_.cancel(ignored);
  }
  void close() noexcept {
    timer_.cancel();
    error_code ignored;
    (void)socket_.close(ignored);
  }

 private:
  Socket socket_;
  asio::steady_timer timer_;
  bool timed_out_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;
using Parser = http::request_parser<http::string_body>;

/// What the library lets through and HTTP does not: two readers of such a request could disagree where it ends.
std::optional<HttpAnswer> ambiguity(const http::request<http::string_body>& header) {
  if (header.version() != 11) return problem(505, invalid("this server speaks HTTP/1.1", "http_version"));
  if (header.count(http::field::host) != 1)
    return problem(invalid("a request has exactly one Host header", "host_header"));
  const auto encodings = header.count(http::field::transfer_encoding);
  if (encodings > 0 && header.count(http::field::content_length) > 0)
    return problem(invalid("a request has Content-Length or Transfer-Encoding, not both", "ambiguous_length"));
  if (encodings > 1 || (encodings == 1 && !beast::iequals(header[http::field::transfer_encoding], "chunked")))
    return problem(invalid("the only Transfer-Encoding that is taken is chunked", "transfer_encoding"));
  return std::nullopt;
}

std::optional<HttpAnswer> refusal_of(const error_code& failed, bool timed_out) {
  if (timed_out) return problem(408, invalid("the request took too long to arrive", "request_timeout"));
  if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
    return problem(431, invalid("the request's header is too large", "header_too_large"));
  if (failed == http::error::body_limit)
    return problem(413, invalid("the request's body is larger than an intent may be", "body_too_large"));
  if (failed == http::error::end_of_stream || failed == http::error::partial_message) return std::nullopt;
  if (failed.category() == http::make_error_code(http::error::bad_method).category())
    return problem(invalid(fmt::format("this is no HTTP/1.1 request: {}", failed.message()), "bad_request"));
  return std::nullopt;  // the peer is gone
}

http::response<http::string_body> response_of(HttpAnswer answer, bool keep_alive) {
  http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
  response.set(http::field::content_type, answer.content_type);
  for (const auto& [name, value] : answer.headers) response.set(name, value);
  response.body() = std::move(answer.body);
  response.keep_alive(keep_alive);
  response.prepare_payload();
  return response;
}

/// The handler's answer, brought from whatever thread gives it to the connection's.
asio::awaitable<HttpAnswer> answer_of(HttpHandler& handler, HttpRequest request) {
  const auto executor = co_await asio::this_coro::executor;
  auto initiate = [&handler, &request, executor](auto completion) {
    auto waiting = std::make_shared<decltype(completion)>(std::move(completion));
    handler.handle(std::move(request), [waiting, executor](std::move_only_function<HttpAnswer()> make) {
      asio::post(executor, [waiting, make = std::move(make)]() mutable { (*waiting)(make()); });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(HttpAnswer)>(initiate,
                                                                                            asio::use_awaitable);
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(HttpLimits limits)
      : limits_(limits), work_(asio::make_work_guard(context_)), thread_([this] { context_.run(); }) {}
  ~Impl() { stop(); }

  Result<void> serve_local(int listening, HttpHandler& handler) {
    asio::local::stream_protocol::acceptor acceptor(context_);
    error_code failed;
    (void)acceptor.assign(asio::local::stream_protocol(), listening, failed);
    if (failed) return fail(ErrorCode::io_error, "cannot listen on the control socket: " + failed.message());
    begin(std::move(acceptor), handler);
    return {};
  }

  Result<TcpEndpoint> serve_loopback(const std::string& address, HttpHandler& handler) {
    TRY(const asio::ip::tcp::endpoint wanted, endpoint_of(address));
    try {
      asio::ip::tcp::acceptor acceptor(context_, wanted, true);
      TcpEndpoint made{fmt::format(fmt::runtime(wanted.address().is_v6() ? "[{}]:{}" : "{}:{}"),
                                   wanted.address().to_string(), acceptor.local_endpoint().port())};
      begin(std::move(acceptor), handler);
      return made;
    } catch (const boost::system::system_error& error) {
      return fail(ErrorCode::unavailable, fmt::format("cannot listen on {}: {}", address, error.code().message()),
                  "address");
    }
  }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] {
      stopping_ = true;
      for (const auto& close : close_acceptors_) close();
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

  static Result<asio::ip::tcp::endpoint> endpoint_of(const std::string& text) {
    const auto colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    error_code failed;
    const auto address = asio::ip::make_address(host, failed);
    const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
    const bool is_number =
        !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
    if (failed || !is_number || std::stoul(port) > 65'535)
      return std::unexpected(invalid(fmt::format("'{}' is no address; write 127.0.0.1:PORT", text), "address"));
    if (!address.is_loopback())
      return std::unexpected(invalid(fmt::format("{} is no loopback address, and what is served there is for this "
                                                 "machine only; write 127.0.0.1:PORT, and put a proxy in front",
                                                 host),
                                     "not_loopback"));
    return asio::ip::tcp::endpoint(address, static_cast<std::uint16_t>(std::stoul(port)));
  }

  template <typename Acceptor>
  void begin(Acceptor acceptor, HttpHandler& handler) {
    auto shared = std::make_shared<Acceptor>(std::move(acceptor));
    asio::post(context_, [this, shared, &handler] {
      close_acceptors_.emplace_back([shared] {
        error_code ignored;
        (void)shared->close(ignored);
      });
      asio::co_spawn(context_, accept(shared, handler), asio::detached);
    });
  }

  template <typename AcceptorPtr>
  asio::awaitable<void> accept(AcceptorPtr acceptor, HttpHandler& handler) {
    while (acceptor->is_open()) {
      auto [failed, socket] = co_await acceptor->async_accept(kNoThrow);
      if (!failed) {
        take(Socket(std::move(socket)), handler);
      } else if (acceptor->is_open()) {
        // Out of descriptors, most likely: some come back.
        asio::steady_timer pause(context_, std::chrono::milliseconds(100));
        (void)co_await pause.async_wait(kNoThrow);
      }
    }
  }

  void take(Socket socket, HttpHandler& handler) {
    if (stopping_) return;
    auto connection = std::make_shared<Connection>(std::move(socket));
    connections_.insert(connection);
    const bool too_many = connections_.size() > limits_.connections;
    // An exception ends its connection and nothing else.
    asio::co_spawn(context_, too_many ? turn_away(connection) : converse(connection, handler),
                   [this, connection](const std::exception_ptr&) {
                     connection->close();
                     connections_.erase(connection);
                   });
  }

  asio::awaitable<void> turn_away(ConnectionPtr connection) {
    // A few more than the limit are told so; what goes beyond that is closed without a word.
    if (connections_.size() > 2 * limits_.connections) co_return;
    (void)co_await refuse(
        *connection, problem(503, Error{ErrorCode::overloaded, "too many connections; try again", "connections", {}}));
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
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser.body_limit(handler.body_limit());
    connection.limit(limits_.header_time);
    auto [failed, ignored] = co_await http::async_read_header(connection.socket(), buffer, parser, kNoThrow);
    if (!failed) {
      if (auto refusal = ambiguity(parser.get())) co_return co_await refuse(connection, *std::move(refusal));
      connection.limit(limits_.body_time);
      failed = co_await read_body(connection, buffer, parser);
    }
    if (failed) {
      auto refusal = refusal_of(failed, connection.timed_out());
      if (!refusal) co_return false;
      co_return co_await refuse(connection, *std::move(refusal));
    }
    co_return co_await answer(connection, parser.release(), handler);
  }

  asio::awaitable<error_code> read_body(Connection& connection, beast::flat_buffer& buffer, Parser& parser) {
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      if (auto [failed, ignored] = co_await http::async_write(connection.socket(), go_on, kNoThrow); failed)
        co_return failed;
    }
    auto [failed, ignored] = co_await http::async_read(connection.socket(), buffer, parser, kNoThrow);
    co_return failed;
  }

  asio::awaitable<bool> answer(Connection& connection, http::request<http::string_body> request, HttpHandler& handler) {
    const Answering counted(*this);
    const bool wants_more = request.keep_alive();
    // However long the execution takes. The timer is also what keeps the thread running while only a reply is awaited.
    connection.limit(std::chrono::hours(24 * 365));
    HttpAnswer answer = co_await answer_of(
        handler, {std::string(request.method_string()), std::string(request.target()), std::move(request.body())});
    const bool goes_on = wants_more && !stopping_;
    connection.limit(limits_.answer_time);
    auto response = response_of(std::move(answer), goes_on);
    auto [failed, ignored] = co_await http::async_write(connection.socket(), response, kNoThrow);
    co_return !failed && goes_on;
  }

  /// Answers what is no request, and closes; always false.
  asio::awaitable<bool> refuse(Connection& connection, HttpAnswer refusal) {
    connection.limit(kDiscardTime);
    auto response = response_of(std::move(refusal), false);
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
    for (const ConnectionPtr& connection : connections_) connection->close();
  }

  const HttpLimits limits_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::function<void()>> close_acceptors_;
  std::set<ConnectionPtr> connections_;
  std::size_t answering_ = 0;
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

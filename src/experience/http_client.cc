// SPDX-License-Identifier: Apache-2.0
#include "experience/http_client.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fmt/format.h>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/try.h"
#include "experience/control_socket.h"

namespace symphainy::experience {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Socket = asio::local::stream_protocol::socket;
using boost::system::error_code;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t kLongestAnswer = 64 * 1024 * 1024;
// Well below the server's patience: it must not close a connection just as the next request goes out.
constexpr auto kReuseWithin = std::chrono::seconds(20);

struct Job {
  HttpRequest request;
  HttpClient::Done done;
};

struct Link {
  Socket socket;
  std::chrono::steady_clock::time_point idle_since;
  bool used = false;
};

using LinkPtr = std::unique_ptr<Link>;

Error lost_before_sent(const error_code& failed) {
  return Error{
      ErrorCode::unavailable,
      fmt::format("the connection to the serving process was lost before the request was sent ({}); nothing of "
                  "it happened, submit it again",
                  failed.message()),
      "connection_lost",
      {}};
}

Error lost_after_sent(const error_code& failed) {
  return Error{ErrorCode::unknown,
               fmt::format("the connection to the serving process was lost before it answered ({}), so it may or may "
                           "not have happened; submit it again with the same idempotency key",
                           failed.message()),
               "connection_lost",
               {}};
}

http::request<http::string_body> request_of(HttpRequest from) {
  http::request<http::string_body> request(http::string_to_verb(from.method), from.target, 11);
  request.set(http::field::host, "localhost");
  if (!from.body.empty()) request.set(http::field::content_type, std::string(kJsonType));
  request.body() = std::move(from.body);
  request.prepare_payload();
  return request;
}

HttpAnswer answer_from(http::response<http::string_body> response) {
  HttpAnswer answer{response.result_int(), std::string(response[http::field::content_type]), "", {}};
  for (const auto& field : response) answer.headers.emplace_back(field.name_string(), field.value());
  answer.body = std::move(response.body());
  return answer;
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(std::string data_directory, ClientLimits limits)
      : data_directory_(std::move(data_directory)),
        limits_(limits),
        work_(asio::make_work_guard(context_)),
        thread_([this] { context_.run(); }) {}

  ~Impl() {
    wait();
    work_.reset();
    context_.stop();
    thread_.join();
  }

  void send(HttpRequest request, Done done) {
    if (!enter()) {
      return done(fail(ErrorCode::overloaded,
                       fmt::format("{} requests wait for the serving process, which is the limit; submit again when "
                                   "some were answered",
                                   limits_.queued),
                       "overloaded"));
    }
    asio::post(context_, [this, job = Job{std::move(request), std::move(done)}]() mutable {
      waiting_.push_back(std::move(job));
      if (at_work_ >= limits_.connections) return;
      ++at_work_;
      asio::co_spawn(context_, work_off(), asio::detached);
    });
  }

  void wait() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return unanswered_ == 0; });
  }

 private:
  bool enter() {
    const std::lock_guard lock(mutex_);
    if (queued_ >= limits_.queued) return false;
    ++queued_;
    ++unanswered_;
    return true;
  }

  asio::awaitable<void> work_off() {
    while (!waiting_.empty()) {
      Job job = std::move(waiting_.front());
      waiting_.pop_front();
      finish(job.done, co_await exchange_or_unknown(std::move(job.request)));
    }
    // At once: a request that comes before the coroutine's end is told would find everybody at work.
    --at_work_;
  }

  // Whatever is thrown on the way, the request may have gone out.
  asio::awaitable<Result<HttpAnswer>> exchange_or_unknown(HttpRequest request) {
    try {
      co_return co_await exchange(std::move(request));
    } catch (const std::exception&) {
      co_return std::unexpected(lost_after_sent(asio::error::no_memory));
    }
  }

  // An exception of the caller's must not end the thread that all connections are on.
  void finish(const Done& done, Result<HttpAnswer> answer) {
    {
      // Before `done`: who has his answer may send the next request at once.
      const std::lock_guard lock(mutex_);
      --queued_;
    }
    try {
      done(std::move(answer));
    } catch (...) {
    }
    const std::lock_guard lock(mutex_);
    if (--unanswered_ == 0) idle_.notify_all();
  }

  asio::awaitable<Result<HttpAnswer>> exchange(HttpRequest from) {
    auto request = request_of(std::move(from));
    while (true) {
      auto link = take_link();
      if (!link) co_return std::unexpected(link.error());
      auto [not_sent, sent] = co_await http::async_write((*link)->socket, request, kNoThrow);
      // A request that did not go out whole is none: another connection may carry it.
      if (not_sent && (*link)->used) continue;
      co_return co_await read_answer(*std::move(link), not_sent);
    }
  }

  asio::awaitable<Result<HttpAnswer>> read_answer(LinkPtr link, error_code not_sent) {
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kLongestAnswer);
    auto [failed, ignored] = co_await http::async_read(link->socket, buffer, parser, kNoThrow);
    // A server that refuses a request answers before it has read all of it.
    if (failed && not_sent) co_return std::unexpected(lost_before_sent(not_sent));
    if (failed) co_return std::unexpected(lost_after_sent(failed));
    auto response = parser.release();
    if (response.keep_alive() && !not_sent) give_back(std::move(link));
    co_return answer_from(std::move(response));
  }

  Result<LinkPtr> take_link() {
    while (!idle_links_.empty()) {
      LinkPtr link = std::move(idle_links_.back());
      idle_links_.pop_back();
      if (is_open(*link)) return link;
    }
    TRY(const int descriptor, connect_to_control_socket(data_directory_));
    auto link = std::make_unique<Link>(Link{Socket(context_), {}, false});
    error_code failed;
    (void)link->socket.assign(asio::local::stream_protocol(), descriptor, failed);
    if (failed) return fail(ErrorCode::unavailable, "cannot use the control socket: " + failed.message());
    return link;
  }

  static bool is_open(Link& link) {
    if (std::chrono::steady_clock::now() - link.idle_since > kReuseWithin) return false;
    // Nothing may stand there to be read: neither the connection's end nor what nobody asked for.
    char byte = 0;
    const auto count = ::recv(link.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  void give_back(LinkPtr link) {
    link->idle_since = std::chrono::steady_clock::now();
    link->used = true;
    idle_links_.push_back(std::move(link));
  }

  const std::string data_directory_;
  const ClientLimits limits_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  // The thread's own.
  std::deque<Job> waiting_;
  std::vector<LinkPtr> idle_links_;
  std::size_t at_work_ = 0;

  std::mutex mutex_;
  std::condition_variable idle_;
  // Guarded by mutex_.
  std::size_t queued_ = 0;      // what the limit counts
  std::size_t unanswered_ = 0;  // whose `done` has not returned yet

  std::thread thread_;  ///< last: it uses everything above
};

HttpClient::HttpClient(std::string data_directory, ClientLimits limits)
    : impl_(std::make_unique<Impl>(std::move(data_directory), limits)) {}

HttpClient::~HttpClient() = default;

void HttpClient::send(HttpRequest request, Done done) {
  impl_->send(std::move(request), std::move(done));
}

Result<HttpAnswer> HttpClient::ask(HttpRequest request) {
  std::promise<Result<HttpAnswer>> answered;
  send(std::move(request), [&answered](Result<HttpAnswer> answer) { answered.set_value(std::move(answer)); });
  return answered.get_future().get();
}

void HttpClient::wait() {
  impl_->wait();
}

}  // namespace symphainy::experience

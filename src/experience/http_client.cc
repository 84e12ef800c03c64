// SPDX-License-Identifier: Apache-2.0
#include "experience/http_client.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fmt/format.h>
#include <future>
#include <mutex>
#include <optional>
#include <set>
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
constexpr auto kBetweenConnects = std::chrono::milliseconds(20);
constexpr int kLongestPauseSeconds = 60;

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

struct Job {
  HttpRequest request;
  HttpClient::Done done;
  std::optional<Milliseconds> at_most;
  std::optional<Clock::time_point> give_up = std::nullopt;  // set by the first refusal
};

struct Link {
  Socket socket;
  Clock::time_point idle_since;
  bool used = false;
  bool silent = false;  // its answer took longer than it might
};

using LinkPtr = std::shared_ptr<Link>;

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

Error no_answer(Milliseconds waited) {
  return Error{ErrorCode::unavailable,
               fmt::format("the serving process has not answered for {} s; see whether it is stopped or stuck, and try "
                           "again",
                           std::chrono::duration_cast<std::chrono::seconds>(waited).count()),
               "no_answer",
               {}};
}

/// There was no room for it, and nothing of it happened.
bool is_refused_for_now(const Result<HttpAnswer>& answer) {
  return answer && (answer->status == 429 || answer->status == 503) &&
         error_of_problem(*answer).code == ErrorCode::overloaded;
}

std::chrono::seconds pause_before_next(const HttpAnswer& refusal) {
  int seconds = 1;
  for (const auto& [name, value] : refusal.headers)
    if (beast::iequals(name, "Retry-After")) std::from_chars(value.data(), value.data() + value.size(), seconds);
  return std::chrono::seconds(std::clamp(seconds, 1, kLongestPauseSeconds));
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

  void send(HttpRequest request, std::optional<Milliseconds> at_most, Done done) {
    if (!enter()) {
      return done(fail(ErrorCode::overloaded,
                       fmt::format("{} requests wait for the serving process, which is the limit; submit again when "
                                   "some were answered",
                                   limits_.queued),
                       "overloaded"));
    }
    asio::post(context_, [this, job = Job{std::move(request), std::move(done), at_most}]() mutable {
      waiting_.push_back(std::move(job));
      if (at_work_ >= limits_.connections) return;
      ++at_work_;
      asio::co_spawn(context_, work_off(), asio::detached);
    });
  }

  void wait() {
    asio::post(context_, [this] {
      ++waited_for_;
      for (asio::steady_timer* const rest : resting_) rest->cancel();
    });
    {
      std::unique_lock lock(mutex_);
      idle_.wait(lock, [this] { return unanswered_ == 0; });
    }
    asio::post(context_, [this] { --waited_for_; });
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
      auto answer = co_await exchange_or_unknown(job.request, job.at_most);
      if (is_refused_for_now(answer) && may_go_again(job)) {
        // Whoever has an answer meanwhile takes it along.
        waiting_.push_front(std::move(job));
        co_await rest(pause_before_next(*answer));
      } else {
        finish(job.done, std::move(answer));
      }
    }
    // At once: a request that comes before the coroutine's end is told would find everybody at work.
    --at_work_;
  }

  bool may_go_again(Job& job) const {
    if (!job.give_up) job.give_up = Clock::now() + limits_.again_for;
    return waited_for_ == 0 && Clock::now() < *job.give_up;
  }

  asio::awaitable<void> rest(std::chrono::seconds time) {
    asio::steady_timer timer(context_, time);
    resting_.insert(&timer);
    (void)co_await timer.async_wait(kNoThrow);
    resting_.erase(&timer);
  }

  // Whatever is thrown on the way, the request may have gone out.
  asio::awaitable<Result<HttpAnswer>> exchange_or_unknown(HttpRequest request, std::optional<Milliseconds> at_most) {
    try {
      co_return co_await exchange(std::move(request), at_most);
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

  asio::awaitable<Result<HttpAnswer>> exchange(HttpRequest from, std::optional<Milliseconds> at_most) {
    auto request = request_of(std::move(from));
    asio::steady_timer limit(context_);
    while (true) {
      auto link = co_await take_link();
      if (!link) co_return std::unexpected(link.error());
      if (at_most) close_after(limit, *at_most, *link);
      auto [not_sent, sent] = co_await http::async_write((*link)->socket, request, kNoThrow);
      // A request that did not go out whole is none: another connection may carry it.
      if (not_sent && (*link)->used && !(*link)->silent) continue;
      auto answer = co_await read_answer(*link, not_sent);
      if ((*link)->silent) co_return std::unexpected(no_answer(*at_most));
      co_return answer;
    }
  }

  static void close_after(asio::steady_timer& limit, Milliseconds time, LinkPtr link) {
    limit.expires_after(time);
    limit.async_wait([link = std::move(link)](error_code stopped) {
      if (stopped) return;
      link->silent = true;
      error_code ignored;
      (void)link->socket.close(ignored);
    });
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
    if (response.keep_alive() && !not_sent && !link->silent) give_back(std::move(link));
    co_return answer_from(std::move(response));
  }

  asio::awaitable<Result<LinkPtr>> take_link() {
    while (!idle_links_.empty()) {
      LinkPtr link = std::move(idle_links_.back());
      idle_links_.pop_back();
      if (is_open(*link)) co_return link;
    }
    const auto give_up = Clock::now() + limits_.connect_for;
    auto descriptor = connect_to_control_socket(data_directory_);
    asio::steady_timer pause(context_);
    while (!descriptor && descriptor.error().reason == kBacklogFull && Clock::now() < give_up) {
      pause.expires_after(kBetweenConnects);
      (void)co_await pause.async_wait(kNoThrow);
      descriptor = connect_to_control_socket(data_directory_);
    }
    if (!descriptor) co_return std::unexpected(descriptor.error());
    co_return link_over(*descriptor);
  }

  Result<LinkPtr> link_over(int descriptor) {
    auto link = std::make_shared<Link>(Link{Socket(context_), {}});
    error_code failed;
    (void)link->socket.assign(asio::local::stream_protocol(), descriptor, failed);
    if (failed) return fail(ErrorCode::unavailable, "cannot use the control socket: " + failed.message());
    return link;
  }

  static bool is_open(Link& link) {
    if (Clock::now() - link.idle_since > kReuseWithin) return false;
    // Nothing may stand there to be read: neither the connection's end nor what nobody asked for.
    char byte = 0;
    const auto count = ::recv(link.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  void give_back(LinkPtr link) {
    link->idle_since = Clock::now();
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
  std::set<asio::steady_timer*> resting_;  // before something is sent again
  std::size_t waited_for_ = 0;             // while it is, nothing is sent again

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
  impl_->send(std::move(request), std::nullopt, std::move(done));
}

Result<HttpAnswer> HttpClient::ask(HttpRequest request, std::optional<std::chrono::milliseconds> at_most) {
  std::promise<Result<HttpAnswer>> answered;
  impl_->send(std::move(request), at_most,
              [&answered](Result<HttpAnswer> answer) { answered.set_value(std::move(answer)); });
  return answered.get_future().get();
}

void HttpClient::wait() {
  impl_->wait();
}

}  // namespace symphainy::experience

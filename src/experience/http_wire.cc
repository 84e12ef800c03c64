// SPDX-License-Identifier: Apache-2.0
#include "experience/http_wire.h"

#include <fmt/format.h>
#include <utility>

namespace symphainy::experience {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

Error invalid(std::string message, std::string reason) {
  return Error{ErrorCode::invalid_argument, std::move(message), std::move(reason), {}};
}

HttpAnswer strange_version() {
  return problem(505, invalid("this server speaks HTTP/1.1", "http_version"));
}

std::string path_of(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto path = target.find_first_of("/?");
    if (path == std::string_view::npos) return "/";
    return (target[path] == '?' ? "/" : "") + std::string(target.substr(path));
  }
  return std::string(target);
}

}  // namespace

std::optional<HttpAnswer> ambiguity(const HttpParser::value_type& header) {
  if (header.version() != 11) return strange_version();
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
  if (failed == http::error::bad_version) return strange_version();
  if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
    return problem(431, invalid("the request's header is too large", "header_too_large"));
  if (failed == http::error::body_limit)
    return problem(413, invalid("the request's body is larger than an intent may be", "body_too_large"));
  if (failed == http::error::end_of_stream || failed == http::error::partial_message) return std::nullopt;
  if (failed.category() == http::make_error_code(http::error::bad_method).category())
    return problem(invalid(fmt::format("this is no HTTP/1.1 request: {}", failed.message()), "bad_request"));
  return std::nullopt;
}

HttpAnswer too_many_bodies() {
  return problem(503, Error{ErrorCode::overloaded,
                            "too much is being received from others; nothing of this request was taken, send it again",
                            "bodies",
                            {}});
}

HttpAnswer too_many_connections() {
  return problem(503, Error{ErrorCode::overloaded, "too many connections; try again", "connections", {}});
}

HttpAnswer answer_lost() {
  return problem(Error{ErrorCode::unknown,
                       "the node could not make the answer, so the request may or may not have happened; send it again "
                       "with the same idempotency key",
                       "answer_lost",
                       {}});
}

http::response<http::string_body> response_of(HttpAnswer answer, Asked asked, bool keep_alive) {
  http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
  response.set(http::field::content_type, answer.content_type);
  for (const auto& [name, value] : answer.headers) response.set(name, value);
  response.keep_alive(keep_alive);
  response.content_length(answer.body.size());
  if (asked == Asked::whole) response.body() = std::move(answer.body);
  return response;
}

Asked asked_by(const HttpParser::value_type& header) {
  return header.method() == http::verb::head ? Asked::head : Asked::whole;
}

HttpRequest request_of(HttpParser::value_type received) {
  const bool head = asked_by(received) == Asked::head;
  return {head ? "GET" : std::string(received.method_string()), path_of(received.target()), std::move(received.body())};
}

Result<asio::ip::tcp::endpoint> loopback_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool is_number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (failed || !is_number || std::stoul(port) > 65'535)
    return std::unexpected(invalid(fmt::format("'{}' is no address; write 127.0.0.1:PORT", text), "address"));
  if (!address.is_loopback())
    return std::unexpected(invalid(fmt::format("{} is no loopback address, and what is served there is for this "
                                               "machine only; write 127.0.0.1:PORT, and put a proxy in front",
                                               host),
                                   "not_loopback"));
  return asio::ip::tcp::endpoint(address, static_cast<std::uint16_t>(std::stoul(port)));
}

}  // namespace symphainy::experience

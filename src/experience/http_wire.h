// SPDX-License-Identifier: Apache-2.0
// What of HTTP/1.1 the server decides by itself: which requests are none, and how an answer goes out.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "symphainy/error.h"

#include "experience/http_message.h"

namespace symphainy::experience {

using HttpParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

/// What the library lets through and HTTP does not: two readers of such a request could disagree where it ends.
[[nodiscard]] std::optional<HttpAnswer> ambiguity(const HttpParser::value_type& header);
/// What is said when a request could not be read; nothing when its peer is gone.
[[nodiscard]] std::optional<HttpAnswer> refusal_of(const boost::system::error_code& failed, bool timed_out);
/// For a request whose bodies' budget is used up by others.
[[nodiscard]] HttpAnswer too_many_bodies();
[[nodiscard]] HttpAnswer too_many_connections();
/// For an exception on the way to the answer: what was asked for may have happened.
[[nodiscard]] HttpAnswer answer_lost();

/// The answer to HEAD tells the length of its body, and has none.
enum class Asked { whole, head };
[[nodiscard]] boost::beast::http::response<boost::beast::http::string_body> response_of(HttpAnswer answer, Asked asked,
                                                                                        bool keep_alive);
[[nodiscard]] Asked asked_by(const HttpParser::value_type& header);
/// HEAD is asked of the handler as GET; a target "http://host/path" is its path.
[[nodiscard]] HttpRequest request_of(HttpParser::value_type received);

/// "127.0.0.1:PORT" or "[::1]:PORT".
[[nodiscard]] Result<boost::asio::ip::tcp::endpoint> loopback_endpoint(const std::string& text);

}  // namespace symphainy::experience

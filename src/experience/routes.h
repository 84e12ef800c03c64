// SPDX-License-Identifier: Apache-2.0
// What is said to a request for a path or with a method that there is not.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "experience/http_message.h"

namespace symphainy::experience {

/// A path and the one method that it takes.
struct Route {
  std::string_view path;
  std::string_view method;
};

/// 404 for a path that no route has, 405 with Allow for another method than the path's; nothing when it has a route.
[[nodiscard]] std::optional<HttpAnswer> refuse_route(const HttpRequest& request, std::initializer_list<Route> routes);

}  // namespace symphainy::experience

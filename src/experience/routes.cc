// SPDX-License-Identifier: Apache-2.0
#include "experience/routes.h"

#include <fmt/format.h>

namespace symphainy::experience {

std::optional<HttpAnswer> refuse_route(const HttpRequest& request, std::initializer_list<Route> routes) {
  std::string known;
  for (const Route& route : routes) {
    if (route.path == request.target) {
      if (route.method == request.method) return std::nullopt;
      HttpAnswer answer = problem(405, Error{ErrorCode::invalid_argument,
                                             fmt::format("{} takes {} only", route.path, route.method),
                                             "method_not_allowed",
                                             {}});
      answer.headers.emplace_back("Allow", route.method);
      return answer;
    }
    known += fmt::format("{}{} {}", known.empty() ? "" : ", ", route.method, route.path);
  }
  return problem(Error{ErrorCode::not_found, "there is no such path here; there are " + known, "unknown_path", {}});
}

}  // namespace symphainy::experience

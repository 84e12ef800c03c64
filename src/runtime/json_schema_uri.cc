// SPDX-License-Identifier: Apache-2.0
// Reference resolution by the letter of RFC 3986, so that $id and $ref mean here what they mean
// elsewhere.
#include "runtime/json_schema_uri.h"

#include <algorithm>
#include <charconv>

namespace symphainy::runtime::json_schema {

namespace {

// The parts of a URI reference, each with its punctuation so that absent differs from empty.
struct UriParts {
  std::string_view scheme;     ///< "http:"
  std::string_view authority;  ///< "//host"
  std::string_view path;
  std::string_view query;     ///< "?..."
  std::string_view fragment;  ///< "#..."
};

bool is_alpha(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_scheme_character(char c) noexcept {
  return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

std::string_view take_front(std::string_view& rest, std::size_t count) noexcept {
  const std::string_view front = rest.substr(0, count);
  rest.remove_prefix(front.size());
  return front;
}

UriParts split(std::string_view uri) noexcept {
  UriParts parts;
  const std::size_t colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && uri[colon] == ':' && colon > 0 && is_alpha(uri[0]) &&
      std::all_of(uri.begin(), uri.begin() + static_cast<std::ptrdiff_t>(colon), is_scheme_character))
    parts.scheme = take_front(uri, colon + 1);
  if (uri.starts_with("//")) parts.authority = take_front(uri, std::min(uri.find_first_of("/?#", 2), uri.size()));
  parts.path = take_front(uri, std::min(uri.find_first_of("?#"), uri.size()));
  parts.query = take_front(uri, std::min(uri.find('#'), uri.size()));
  parts.fragment = uri;
  return parts;
}

// RFC 3986, section 5.2.4.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  const auto drop_last = [&out] { out.erase(std::min(out.rfind('/'), out.size())); };
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./") || path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../")) {
      path.remove_prefix(3);
      drop_last();
    } else if (path == "/..") {
      path = "/";
      drop_last();
    } else if (path == "." || path == "..") {
      path = {};
    } else {
      out += take_front(path, std::min(path.find('/', 1), path.size()));
    }
  }
  return out;
}

std::string merged_path(const UriParts& base, std::string_view path) {
  if (!base.authority.empty() && base.path.empty()) return "/" + std::string(path);
  const std::size_t slash = base.path.rfind('/');
  std::string merged;
  if (slash != std::string_view::npos) merged = base.path.substr(0, slash + 1);
  return merged.append(path);
}

std::string joined(std::string_view scheme, std::string_view authority, std::string_view path, std::string_view query,
                   std::string_view fragment) {
  std::string uri;
  return uri.append(scheme).append(authority).append(path).append(query).append(fragment);
}

}  // namespace

std::string resolve_uri(std::string_view base_uri, std::string_view reference) {
  if (base_uri.empty()) return std::string(reference);
  const UriParts base = split(base_uri);
  const UriParts to = split(reference);
  if (!to.scheme.empty())
    return joined(to.scheme, to.authority, to.authority.empty() ? std::string(to.path) : without_dot_segments(to.path),
                  to.query, to.fragment);
  if (!to.authority.empty())
    return joined(base.scheme, to.authority, without_dot_segments(to.path), to.query, to.fragment);
  if (to.path.empty())
    return joined(base.scheme, base.authority, base.path, to.query.empty() ? base.query : to.query, to.fragment);
  const std::string path =
      to.path.starts_with('/') ? without_dot_segments(to.path) : without_dot_segments(merged_path(base, to.path));
  return joined(base.scheme, base.authority, path, to.query, to.fragment);
}

bool is_absolute_uri(std::string_view uri) noexcept {
  return !split(uri).scheme.empty();
}

SplitUri split_fragment(std::string_view uri) noexcept {
  const std::size_t hash = uri.find('#');
  if (hash == std::string_view::npos) return {uri, {}};
  return {uri.substr(0, hash), uri.substr(hash + 1)};
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* digits = text.data() + i + 1;
    if (text.size() - i < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return {};
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

void append_pointer_token(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (const char c : token) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

std::string unescaped_pointer_token(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1'))
      out += token[++i] == '0' ? '~' : '/';
    else
      out += token[i];
  }
  return out;
}

}  // namespace symphainy::runtime::json_schema

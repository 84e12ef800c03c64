// SPDX-License-Identifier: Apache-2.0
// A socket that sends exactly the bytes a test wants, also those that no HTTP client would, and reads what comes back.
#pragma once

#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/try.h"

namespace symphainy::tests {

/// A response as text: head is everything up to the blank line.
struct RawResponse {
  int status = 0;  ///< 0: the connection ended, or a minute went by, before there was one
  std::string head;
  std::string body;
};

class RawConnection {
 public:
  static RawConnection local(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(path.size() < sizeof address.sun_path);
    std::memcpy(std::data(address.sun_path), path.c_str(), path.size());
    return {AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address};
  }
  static RawConnection loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return {AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address};
  }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { ::close(descriptor_); }

  [[nodiscard]] bool connected() const noexcept { return connected_; }

  /// False when the other side takes no more; what it answered may still be read.
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// As a peer that has said all it has to say; it may still read.
  void end_sending() const { ::shutdown(descriptor_, SHUT_WR); }

  /// One response whose body has a Content-Length, or none.
  RawResponse read_response() {
    while (!held_.contains("\r\n\r\n") && read_some()) {
    }
    const auto end = held_.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    RawResponse response{0, held_.substr(0, end + 2), ""};
    held_.erase(0, end + 4);
    response.status = std::stoi(response.head.substr(response.head.find(' ') + 1));
    const std::string field = "\r\nContent-Length: ";
    const auto length = response.head.find(field);
    if (length == std::string::npos) return response;
    const std::size_t bytes = std::stoul(response.head.substr(length + field.size()));
    while (held_.size() < bytes && read_some()) {
    }
    response.body = held_.substr(0, bytes);
    held_.erase(0, bytes);
    return response;
  }

  /// Whether the other side ends the connection within a minute, without another byte.
  bool is_ended() { return held_.empty() && !read_some() && ended_; }

 private:
  RawConnection(int family, const sockaddr* address, socklen_t size)
      : descriptor_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        connected_(::connect(descriptor_, address, size) == 0) {}

  bool read_some() {
    pollfd wait{descriptor_, POLLIN, 0};
    if (::poll(&wait, 1, 60'000) != 1) return false;
    std::array<char, 16 * 1024> bytes;
    const ssize_t count = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    ended_ = count <= 0;
    if (!ended_) held_.append(bytes.data(), static_cast<std::size_t>(count));
    return !ended_;
  }

  int descriptor_;
  bool connected_;
  bool ended_ = false;
  std::string held_;
};

inline std::string post_request(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

inline std::string get_request(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

}  // namespace symphainy::tests

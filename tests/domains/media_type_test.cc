// SPDX-License-Identifier: Apache-2.0
// Names and first bytes, and the media type they make.
#include "domains/content/media_type.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace symphainy::domains::content {
namespace {

using std::string_literals::operator""s;

TEST(MediaType, FollowsSignaturesThenNamesThenTheKindOfBytes) {
  struct Case {
    std::string name;
    std::string bytes;
    std::string type;
  };
  const std::vector<Case> cases = {
      {"a.csv", "a,b\n", "text/csv"},
      {"A.CSV", "", "text/csv"},
      {"dir.csv/a", "text", "text/plain"},
      {"a.tsv", "a\tb\n", "text/tab-separated-values"},
      {"README.md", "# x", "text/markdown"},
      {"notes.txt", "x", "text/plain"},
      {"a.json", "{}", "application/json"},
      {"a.unknown", "plain words", "text/plain"},
      {"noname", "plain words", "text/plain"},
      {"noname", "", "application/octet-stream"},
      {"noname", "caf\xE9", "text/plain"},
      {"noname", "h\0i\0 \0y\0"s, "text/plain"},
      {"a.csv", "a\0\0\0\0b,c"s, "application/octet-stream"},
      {"a.csv", "\x89PNG\r\n\x1a\n....", "image/png"},
      {"a", "%PDF-1.7", "application/pdf"},
      {"a", "\xFF\xD8\xFF\xE0", "image/jpeg"},
      {"a", "GIF89a..", "image/gif"},
      {"a", "RIFF....WEBPVP8 ", "image/webp"},
      {"a.csv.gz", "\x1F\x8B\x08", "application/gzip"},
      {"a.zip", "PK\x03\x04...", "application/zip"},
      {"a.xlsx", "PK\x03\x04...", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {"a.xlsx", "not a zip file", "text/plain"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(detect_media_type(one.name, one.bytes), one.type) << one.name << " " << one.bytes;
  }
}

}  // namespace
}  // namespace symphainy::domains::content

// SPDX-License-Identifier: Apache-2.0
// OpenSSL's SHA256_* calls are deprecated in favour of EVP. They are used because they need no context on the heap and
// no algorithm look-up per hash, and records are short. What that saves was not measured.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <isa-l/crc.h>
#include <openssl/sha.h>

#include "base/bytes.h"

namespace symphainy::base {

std::string Digest::hex() const {
  return to_hex(view());
}

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  begin();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::begin() {
  SHA256_Init(&state_->context);
}
void Sha256::update(std::string_view bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}
Digest Sha256::finish() {
  Digest digest;
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.bytes.data()), &state_->context);
  return digest;
}

Digest sha256(std::string_view bytes) {
  return sha256(bytes, {});
}

Digest sha256(std::string_view first, std::string_view second) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, first.data(), first.size());
  SHA256_Update(&context, second.data(), second.size());
  Digest digest;
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.bytes.data()), &context);
  return digest;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t previous) noexcept {
  // ISA-L takes a mutable pointer and does not write through it.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~previous);
}

}  // namespace symphainy::base

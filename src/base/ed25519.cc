// SPDX-License-Identifier: Apache-2.0
#include "base/ed25519.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/try.h"

namespace symphainy::base {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

struct SigningKey::State {
  Owned<EVP_PKEY> key;
};

SigningKey::SigningKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;

SigningKey SigningKey::create() {
  Owned<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  CHECK(key != nullptr);
  return SigningKey(std::make_unique<State>(std::move(key)));
}

Result<SigningKey> SigningKey::from_pem(const std::string& pem) {
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // No pass phrase is asked for on a terminal: an encrypted key is refused.
  const auto no_pass_phrase = [](char*, int, int, void*) { return -1; };
  Owned<EVP_PKEY> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr) : nullptr);
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return fail(ErrorCode::corrupt,
                "this is no unencrypted Ed25519 private key in PEM; make one with `symphainy key create`");
  }
  return SigningKey(std::make_unique<State>(std::move(key)));
}

std::string SigningKey::to_pem() const {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  CHECK(bio && PEM_write_bio_PrivateKey(bio.get(), state_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(length)};
}

PublicKey SigningKey::public_key() const {
  PublicKey out{};
  std::size_t length = out.size();
  CHECK(EVP_PKEY_get_raw_public_key(state_->key.get(), reinterpret_cast<unsigned char*>(out.data()), &length) == 1);
  return out;
}

Signature SigningKey::sign(std::string_view message) const {
  Signature out{};
  std::size_t length = out.size();
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  CHECK(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, state_->key.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &length, bytes_of(message),
                       message.size()) == 1);
  return out;
}

bool verify_signature(const PublicKey& key, std::string_view message, const Signature& signature) {
  const Owned<EVP_PKEY> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of({key.data(), key.size()}), key.size()));
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  return public_key && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of({signature.data(), signature.size()}), signature.size(),
                          bytes_of(message), message.size()) == 1;
}

}  // namespace symphainy::base

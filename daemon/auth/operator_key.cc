#include "operator_key.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>

#include "files.h"
#include "jwt_key.h"

namespace chatd::auth {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view text) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

chatrt::Result<OperatorKey> OperatorKey::read(const std::string& file) {
  auto text = read_small_file(file);
  if (!text) return std::move(text).error();
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (text->size() < kBytesMin) {
    return chatrt::Error{chatrt::Errc::invalid_argument,
                         file + ": shorter than " + std::to_string(kBytesMin) +
                             " bytes; take random ones, as of openssl rand -hex 32"};
  }
  return OperatorKey(*std::move(text));
}

bool OperatorKey::matches(std::string_view given) const noexcept {
  if (key_.empty()) return false;
  // Digests have one length: the key's own does not show either.
  const Digest ours = digest_of(key_);
  const Digest theirs = digest_of(given);
  return CRYPTO_memcmp(ours.data(), theirs.data(), ours.size()) == 0;
}

}  // namespace chatd::auth

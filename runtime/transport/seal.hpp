// SPDX-License-Identifier: BSL-1.0
// Who may come in over a network: a key of our own, and keys of peers that are pinned. A wire that is sealed
// by it is TLS 1.3 over a stream, DTLS 1.2 over datagrams; both sides show their keys, and neither believes
// anything but a pinned key: no authority, no name, no date.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/fault.hpp"

extern "C" {
typedef struct evp_pkey_st EVP_PKEY;
typedef struct ssl_ctx_st SSL_CTX;
}

namespace umach::transport {

// A private key, on the curve P-256, which TLS and DTLS both take. Its fingerprint, 64 hexadecimal digits, is the SHA-256 of the public half.
class Key {
public:
    static runtime::Outcome<Key> make();
    static runtime::Outcome<Key> from_pem(const std::string& text);

    std::string pem() const;  // the private half: a secret
    std::string fingerprint() const;
    EVP_PKEY* get() const noexcept { return key_.get(); }

private:
    explicit Key(EVP_PKEY* key);
    std::shared_ptr<EVP_PKEY> key_;
};

// returns: whether it can be one: 64 digits, no capital letters
bool is_fingerprint(const std::string& text);

class Seal {
public:
    // Asked at every handshake, so what is pinned meanwhile counts.
    using Trusts = std::function<bool(const std::string& fingerprint)>;

    static runtime::Outcome<std::shared_ptr<const Seal>> make(const Key& key, Trusts trusts);
    Seal(const Seal&) = delete;
    Seal& operator=(const Seal&) = delete;

    bool trusts(const std::string& fingerprint) const { return trusts_(fingerprint); }
    SSL_CTX* stream() const noexcept { return stream_.get(); }
    SSL_CTX* datagrams() const noexcept { return datagrams_.get(); }
    // What a stranger at that address must show to be believed that it is there.
    std::string cookie(const std::string& address) const;

private:
    explicit Seal(Trusts trusts);

    Trusts trusts_;
    std::string secret_;  // of the cookies
    std::shared_ptr<SSL_CTX> stream_, datagrams_;
};

}  // namespace umach::transport

// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: a wire over another that nobody on the way can read, forge or replay, and whose
// ends have shown their keys. TLS 1.3 over a stream, DTLS 1.2 over datagrams; both of OpenSSL, with the
// wire below as its way to the network.
//
//   opening --both keys are pinned--> open;  a wrong or no key, or no handshake: refused, with a reason
#pragma once

#include "runtime/transport/seal.hpp"
#include "runtime/transport/wire.hpp"

namespace umach::transport {

enum class SealSide { connects, listens };

std::unique_ptr<Wire> sealed_wire(std::unique_ptr<Wire> wire, std::shared_ptr<const Seal> seal,
                                  SealSide side);

// The first datagram of a stranger, who must show a cookie that was sent where it says it is: until then
// nothing is kept of it and it is answered with less than it sent.
struct Stranger {
    View datagram;
    std::string address;
    std::function<void(View)> answer;
};

// returns: null until the cookie is shown; then the wire, over what `go_on` makes
std::unique_ptr<Wire> welcomed(const Stranger& stranger, const std::shared_ptr<const Seal>& seal,
                               const std::function<std::unique_ptr<Wire>()>& go_on);

// For seal.cpp.
void prepare_context(SSL_CTX* context);
std::string fingerprint_of(EVP_PKEY* key);

}  // namespace umach::transport

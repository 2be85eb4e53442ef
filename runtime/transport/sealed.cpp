// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/sealed.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/time.h>

namespace umach::transport {

using runtime::Deadline;

namespace {

// What a record of DTLS 1.2 adds to a datagram: head 13, explicit nonce 8, tag 16.
constexpr std::size_t datagram_overhead = 40;
constexpr unsigned first_repeat = 100'000, longest_repeat = 400'000;  // us, of a handshake's datagrams

class SealedWire final : public Wire {
public:
    SealedWire(std::unique_ptr<Wire> wire, std::shared_ptr<const Seal> seal, SealSide side);
    ~SealedWire() override { SSL_free(ssl_); }

    WireTraits traits() const noexcept override { return traits_; }
    Moved write(View bytes, std::size_t& moved) noexcept override;
    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override;
    int reads() const noexcept override { return wire_->reads(); }
    int writes() const noexcept override { return wire_->writes(); }
    int sign() const noexcept override { return wire_->sign(); }
    Deadline due() const noexcept override;
    bool opening() const noexcept override { return opening_ && refusal_.empty(); }
    bool holds() const noexcept override { return !unsent_.empty(); }
    std::string refusal() const override { return refusal_; }
    Peer peer() const override {
        Peer peer = wire_->peer();
        peer.key = key_;
        return peer;
    }

    bool hear_stranger(const std::string& address);
    void go_on_over(std::unique_ptr<Wire> wire);
    const std::string& address() const { return address_; }
    const Seal& seal() const { return *seal_; }

    // The way of OpenSSL to the wire below.
    int carry_out(View bytes, BIO* bio) noexcept;
    int bring_in(std::span<std::byte> into, BIO* bio) noexcept;
    bool judge(X509* certificate) noexcept;

private:
    Moved advance() noexcept;  // the handshake
    Moved result_of(int returned) noexcept;
    Moved refuse(const std::string& reason) noexcept;
    bool flush() noexcept;

    std::unique_ptr<Wire> wire_;
    std::shared_ptr<const Seal> seal_;
    WireTraits traits_;
    SSL* ssl_;
    bool opening_ = true;
    bool gone_ = false;
    std::string key_, refusal_, address_;
    Bytes unsent_;  // of a stream: made, and not taken by the wire below
    Bytes first_;   // of datagrams: the first, written before there was a key for it
};

SealedWire& self(BIO* bio) {
    return *static_cast<SealedWire*>(BIO_get_data(bio));
}
SealedWire& self(SSL* ssl) {
    return *static_cast<SealedWire*>(SSL_get_app_data(ssl));
}

long control(BIO*, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH: return 1;
        case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return 28;
        default: return 0;
    }
}

const BIO_METHOD* wire_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
        BIO_meth_set_write(made, [](BIO* bio, const char* bytes, int count) {
            return self(bio).carry_out(
                std::as_bytes(std::span(bytes, static_cast<std::size_t>(count))), bio);
        });
        BIO_meth_set_read(made, [](BIO* bio, char* into, int count) {
            return self(bio).bring_in(
                std::as_writable_bytes(std::span(into, static_cast<std::size_t>(count))), bio);
        });
        BIO_meth_set_ctrl(made, control);
        return made;
    }();
    return method;
}

unsigned next_repeat(SSL*, unsigned before) {
    return before == 0 ? first_repeat : std::min(before * 2, longest_repeat);
}

SealedWire::SealedWire(std::unique_ptr<Wire> wire, std::shared_ptr<const Seal> seal, SealSide side)
    : wire_(std::move(wire)), seal_(std::move(seal)), traits_(wire_->traits()) {
    ssl_ = SSL_new(traits_.datagrams ? seal_->datagrams() : seal_->stream());
    BIO* const bio = BIO_new(wire_method());
    if (ssl_ == nullptr || bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_app_data(ssl_, this);
    if (traits_.datagrams) {
        SSL_set_options(ssl_, SSL_OP_NO_QUERY_MTU);
        SSL_set_mtu(ssl_, static_cast<long>(traits_.most));
        DTLS_set_timer_cb(ssl_, next_repeat);
        traits_.most -= datagram_overhead;
    } else {
        traits_.atomic = false;
    }
    if (side == SealSide::listens)
        SSL_set_accept_state(ssl_);
    else
        SSL_set_connect_state(ssl_);
    if (side == SealSide::connects) advance();
}

int SealedWire::carry_out(View bytes, BIO* bio) noexcept {
    BIO_clear_retry_flags(bio);
    if (!traits_.datagrams) {
        unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
        flush();
        return static_cast<int>(bytes.size());
    }
    std::size_t moved = 0;
    // A datagram for which there is no room is lost, as on any other part of the way.
    if (wire_->write(bytes, moved) == Moved::gone) gone_ = !opening_;
    return static_cast<int>(bytes.size());
}

int SealedWire::bring_in(std::span<std::byte> into, BIO* bio) noexcept {
    BIO_clear_retry_flags(bio);
    std::size_t moved = 0;
    const Moved result = wire_->read(into, moved);
    if (result == Moved::done) return static_cast<int>(moved);
    if (result == Moved::gone && !traits_.datagrams) return gone_ = true, 0;
    gone_ = result == Moved::gone;
    BIO_set_retry_read(bio);
    return -1;
}

bool SealedWire::flush() noexcept {
    while (!unsent_.empty()) {
        std::size_t moved = 0;
        const Moved result = wire_->write(unsent_, moved);
        if (result == Moved::gone) gone_ = true;
        if (result != Moved::done) return false;
        unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(moved));
    }
    return true;
}

Moved SealedWire::refuse(const std::string& reason) noexcept {
    if (refusal_.empty()) refusal_ = reason;
    return Moved::gone;
}

// What the peer says when it refuses us is an alert of TLS; the rest is no handshake, or forged.
Moved SealedWire::result_of(int returned) noexcept {
    const int error = SSL_get_error(ssl_, returned);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return gone_ ? Moved::gone : Moved::later;
    if (error == SSL_ERROR_ZERO_RETURN || gone_) return Moved::gone;
    const unsigned long code = ERR_peek_error();
    const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    if (reason >= SSL_AD_REASON_OFFSET) return refuse("the peer refuses our key, or our version of TLS");
    const char* const text = ERR_reason_error_string(code);
    return refuse(std::string("the peer keeps to no ") + (traits_.datagrams ? "DTLS 1.2" : "TLS 1.3") + ": " +
                  (text != nullptr ? text : "it ended early"));
}

Moved SealedWire::advance() noexcept {
    if (!refusal_.empty()) return Moved::gone;
    if (!opening_) return Moved::done;
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_);
    if (returned != 1) return result_of(returned);
    opening_ = false;
    if (first_.empty()) return Moved::done;
    SSL_write(ssl_, first_.data(), static_cast<int>(first_.size()));
    first_.clear();
    return Moved::done;
}

Moved SealedWire::write(View bytes, std::size_t& moved) noexcept {
    moved = bytes.size();
    timeval left{};
    if (traits_.datagrams && DTLSv1_get_timeout(ssl_, &left) == 1) DTLSv1_handle_timeout(ssl_);
    if (wire_->due().passed()) {
        std::size_t none = 0;
        wire_->write({}, none);
    }
    const Moved opened = advance();
    if (opened == Moved::gone) return opened;
    if (opened == Moved::later) {
        // The window repeats what is lost: the first is kept so that it need not.
        if (first_.empty()) first_.assign(bytes.begin(), bytes.end());
        return traits_.datagrams ? Moved::done : Moved::later;
    }
    if (!flush()) return gone_ ? Moved::gone : Moved::later;
    if (bytes.empty()) return Moved::done;
    ERR_clear_error();
    const int returned = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (returned <= 0) return result_of(returned);
    moved = static_cast<std::size_t>(returned);
    return gone_ ? Moved::gone : Moved::done;
}

Moved SealedWire::read(std::span<std::byte> into, std::size_t& moved) noexcept {
    gone_ = false;
    flush();
    const Moved opened = advance();
    if (opened != Moved::done) return opened;
    ERR_clear_error();
    const int returned = SSL_read(ssl_, into.data(), static_cast<int>(into.size()));
    if (returned <= 0) return result_of(returned);
    moved = static_cast<std::size_t>(returned);
    return Moved::done;
}

Deadline SealedWire::due() const noexcept {
    timeval left{};
    if (!traits_.datagrams || DTLSv1_get_timeout(ssl_, &left) != 1) return wire_->due();
    const auto wait = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    return Deadline::earlier(wire_->due(), Deadline::in(wait));
}

bool SealedWire::judge(X509* certificate) noexcept {
    EVP_PKEY* const key = certificate != nullptr ? X509_get0_pubkey(certificate) : nullptr;
    if (key == nullptr) return refuse("the peer shows no key"), false;
    key_ = fingerprint_of(key);
    if (seal_->trusts(key_)) return true;
    refuse("the peer's key " + key_ + " is not pinned");
    return false;
}

bool SealedWire::hear_stranger(const std::string& address) {
    address_ = address;
    BIO_ADDR* const nobody = BIO_ADDR_new();
    ERR_clear_error();
    const bool shown = DTLSv1_listen(ssl_, nobody) == 1;
    BIO_ADDR_free(nobody);
    return shown;
}

void SealedWire::go_on_over(std::unique_ptr<Wire> wire) {
    wire_ = std::move(wire);
    advance();
}

int judge_peer(X509_STORE_CTX* store, void*) {
    auto* const ssl = static_cast<SSL*>(
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    if (self(ssl).judge(X509_STORE_CTX_get0_cert(store))) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

int make_cookie(SSL* ssl, unsigned char* cookie, unsigned* bytes) {
    const std::string made = self(ssl).seal().cookie(self(ssl).address());
    std::memcpy(cookie, made.data(), made.size());
    *bytes = static_cast<unsigned>(made.size());
    return 1;
}

int check_cookie(SSL* ssl, const unsigned char* cookie, unsigned bytes) {
    const std::string made = self(ssl).seal().cookie(self(ssl).address());
    return bytes == made.size() && CRYPTO_memcmp(cookie, made.data(), bytes) == 0 ? 1 : 0;
}

// What a stranger's datagram is read from, and its answer goes through.
class StrangersWire final : public Wire {
public:
    StrangersWire(const Stranger& stranger, WireTraits traits) : stranger_(stranger), traits_(traits) {}
    WireTraits traits() const noexcept override { return traits_; }
    int reads() const noexcept override { return -1; }
    int writes() const noexcept override { return -1; }
    Moved write(View bytes, std::size_t& moved) noexcept override {
        moved = bytes.size();
        stranger_.answer(bytes);
        return Moved::done;
    }
    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        if (read_ || into.size() < stranger_.datagram.size()) return Moved::later;
        read_ = true;
        moved = stranger_.datagram.size();
        std::copy(stranger_.datagram.begin(), stranger_.datagram.end(), into.begin());
        return Moved::done;
    }

private:
    const Stranger& stranger_;
    WireTraits traits_;
    bool read_ = false;
};

}  // namespace

void prepare_context(SSL_CTX* context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, judge_peer, nullptr);
    SSL_CTX_set_cookie_generate_cb(context, make_cookie);
    SSL_CTX_set_cookie_verify_cb(context, check_cookie);
}

std::unique_ptr<Wire> sealed_wire(std::unique_ptr<Wire> wire, std::shared_ptr<const Seal> seal,
                                  SealSide side) {
    return std::make_unique<SealedWire>(std::move(wire), std::move(seal), side);
}

std::unique_ptr<Wire> welcomed(const Stranger& stranger, const std::shared_ptr<const Seal>& seal,
                               const std::function<std::unique_ptr<Wire>()>& go_on) {
    const WireTraits traits{true, true, true, 1'452};
    auto wire = std::make_unique<SealedWire>(std::make_unique<StrangersWire>(stranger, traits), seal,
                                             SealSide::listens);
    if (!wire->hear_stranger(stranger.address)) return nullptr;
    auto rest = go_on();
    if (rest == nullptr) return nullptr;
    wire->go_on_over(std::move(rest));
    return wire;
}

}  // namespace umach::transport

// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/seal.hpp"

#include <algorithm>
#include <cerrno>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "runtime/transport/sealed.hpp"

namespace umach::transport {

using runtime::Fault;
using runtime::Outcome;

namespace {

constexpr std::size_t secret_bytes = 32;

Fault seal_fault(const std::string& what) {
    char text[256] = "";
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return Fault{EINVAL, what + ": " + text};
}

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// It says nothing but the key: a certificate is what TLS carries a key in.
Certificate certificate_of(EVP_PKEY* key) {
    Certificate made(X509_new(), X509_free);
    if (made == nullptr) return made;
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -86'400);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400L * 365);
    X509_NAME* const name = X509_get_subject_name(made.get());
    const auto* const text = reinterpret_cast<const unsigned char*>("umach");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made.get(), name);
    X509_set_pubkey(made.get(), key);
    if (X509_sign(made.get(), key, EVP_sha256()) == 0) made.reset();
    return made;
}

std::shared_ptr<SSL_CTX> context(const SSL_METHOD* method, int version, EVP_PKEY* key) {
    std::shared_ptr<SSL_CTX> made(SSL_CTX_new(method), SSL_CTX_free);
    const Certificate certificate = certificate_of(key);
    if (made == nullptr || certificate == nullptr) return nullptr;
    SSL_CTX* const it = made.get();
    SSL_CTX_set_options(it, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(it, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(it, 0);
    SSL_CTX_set_mode(it, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const bool good = SSL_CTX_set_min_proto_version(it, version) == 1 &&
                      SSL_CTX_set_max_proto_version(it, version) == 1 &&
                      SSL_CTX_set_cipher_list(it, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
                      SSL_CTX_use_certificate(it, certificate.get()) == 1 &&
                      SSL_CTX_use_PrivateKey(it, key) == 1;
    return good ? made : nullptr;
}

}  // namespace

Key::Key(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}

Outcome<Key> Key::make() {
    EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    if (key == nullptr) return seal_fault("making a key");
    return Key(key);
}

Outcome<Key> Key::from_pem(const std::string& text) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> from(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    // A key with a pass phrase is refused: nobody is there to be asked.
    const auto no_phrase = [](char*, int, int, void*) { return -1; };
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(from.get(), nullptr, no_phrase, nullptr);
    if (key == nullptr) return seal_fault("reading a key");
    char curve[32] = "";
    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve, nullptr);
    if (std::string(curve) == SN_X9_62_prime256v1) return Key(key);
    EVP_PKEY_free(key);
    return Fault{EINVAL, "the key is none of the curve P-256"};
}

std::string Key::pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> to(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PrivateKey(to.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long bytes = BIO_get_mem_data(to.get(), &text);
    return std::string(text, static_cast<std::size_t>(bytes));
}

std::string Key::fingerprint() const {
    return fingerprint_of(key_.get());
}

std::string fingerprint_of(EVP_PKEY* key) {
    unsigned char* encoded = nullptr;
    const int bytes = i2d_PUBKEY(key, &encoded);
    if (bytes <= 0) return "";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(encoded, static_cast<std::size_t>(bytes), sum, &length, EVP_sha256(), nullptr);
    OPENSSL_free(encoded);
    std::string text;
    for (unsigned i = 0; i < length; ++i)
        for (const int half : {sum[i] >> 4, sum[i] & 15}) text += "0123456789abcdef"[half];
    return text;
}

bool is_fingerprint(const std::string& text) {
    const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() == 64 && std::all_of(text.begin(), text.end(), digit);
}

Seal::Seal(Trusts trusts) : trusts_(std::move(trusts)), secret_(secret_bytes, '\0') {}

Outcome<std::shared_ptr<const Seal>> Seal::make(const Key& key, Trusts trusts) {
    std::shared_ptr<Seal> made(new Seal(std::move(trusts)));
    auto* const secret = reinterpret_cast<unsigned char*>(made->secret_.data());
    if (RAND_bytes(secret, static_cast<int>(secret_bytes)) != 1) return seal_fault("drawing a secret");
    made->stream_ = context(TLS_method(), TLS1_3_VERSION, key.get());
    made->datagrams_ = context(DTLS_method(), DTLS1_2_VERSION, key.get());
    if (made->stream_ == nullptr || made->datagrams_ == nullptr) return seal_fault("making a seal");
    prepare_context(made->stream_.get());
    prepare_context(made->datagrams_.get());
    return std::shared_ptr<const Seal>(std::move(made));
}

std::string Seal::cookie(const std::string& address) const {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         reinterpret_cast<const unsigned char*>(address.data()), address.size(), sum, &length);
    return std::string(reinterpret_cast<const char*>(sum), length);
}

}  // namespace umach::transport

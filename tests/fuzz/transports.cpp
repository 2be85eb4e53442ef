// SPDX-License-Identifier: BSL-1.0
// What comes to an end of a link, of a stream and of datagrams. An input is a script of pieces:
//
//   0..191 sequence acknowledged selected length   a frame, of kind 1 + the first byte modulo 6 (6 is none)
//   192..255 count, then so many bytes             these bytes as they are
//
// A piece is one datagram, and what one read of a stream finds. A right frame's body is its sequence, again and again.
#include <sys/eventfd.h>

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "runtime/transport/wire.hpp"
#include "tests/fuzz/targets.hpp"

namespace umach::fuzz {
namespace {

using transport::FrameKind;
using transport::Moved;

constexpr std::uint64_t of_peer = 9;   // its incarnation
constexpr unsigned kinds = 6, first_raw = 192;

// What is not there is zero.
class Script {
public:
    explicit Script(View input) : rest_(input) {}
    bool done() const { return rest_.empty(); }

    Bytes piece() {
        const unsigned verb = number();
        Bytes bytes;
        if (verb >= first_raw) {
            const std::size_t wanted = number();
            const View raw = rest_.first(std::min(wanted, rest_.size()));
            bytes.assign(raw.begin(), raw.end());
            rest_ = rest_.subspan(raw.size());
            return bytes;
        }
        const unsigned sequence = number(), acknowledged = number(), selected = number(), length = number();
        transport::encode_frame({static_cast<FrameKind>(1 + verb % kinds), length, of_peer, sequence, acknowledged, selected},
                                Bytes(length, static_cast<std::byte>(sequence)), bytes);
        return bytes;
    }

private:
    unsigned number() {
        if (rest_.empty()) return 0;
        const auto first = std::to_integer<unsigned>(rest_.front());
        rest_ = rest_.subspan(1);
        return first;
    }

    View rest_;
};

class ScriptedWire final : public transport::Wire {
public:
    ScriptedWire(View input, bool datagrams) : script_(input), datagrams_(datagrams) {}

    transport::WireTraits traits() const noexcept override { return {datagrams_, datagrams_, false, 4096}; }
    Moved write(View bytes, std::size_t& moved) noexcept override {
        moved = bytes.size();
        return Moved::done;
    }
    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        if (script_.done()) return Moved::gone;
        const Bytes piece = script_.piece();
        moved = std::min(piece.size(), into.size());
        std::copy_n(piece.begin(), moved, into.begin());
        return Moved::done;
    }
    int reads() const noexcept override { return quiet(); }
    int writes() const noexcept override { return quiet(); }

private:
    static int quiet() {
        static const int descriptor = eventfd(0, EFD_CLOEXEC);
        return descriptor;
    }

    Script script_;
    bool datagrams_;
};

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "it does not hold that %s\n", what);
    std::abort();
}

void feed(View input, bool datagrams) {
    const auto end = transport::over(std::make_unique<ScriptedWire>(input, datagrams), {});
    for (int i = 0; i < 3; ++i) end->send(View(), transport::Deadline::in(std::chrono::seconds(0)));
    Bytes body;
    int last = -1;
    for (std::size_t frames = 0; end->receive(body, transport::Deadline::in(std::chrono::seconds(0))) == Moved::done; ++frames) {
        must(frames < input.size(), "what is received has come");
        must(body.size() <= end->largest(), "a body is as large as it may be");
        if (body.empty()) continue;
        const int sequence = std::to_integer<int>(body.front());
        must(sequence > last, "frames come in their order, and once");
        must(body == Bytes(body.size(), body.front()), "a body comes as it was sent");
        last = sequence;
    }
    must((end->ending() == transport::Ending::open) == end->reason().empty(), "an end has a reason");
}

Bytes written(std::initializer_list<unsigned> numbers) {
    Bytes bytes;
    for (const unsigned number : numbers) bytes.push_back(static_cast<std::byte>(number));
    return bytes;
}

}  // namespace

void feed_stream(View input) { feed(input, false); }
void feed_datagrams(View input) { feed(input, true); }

std::vector<Bytes> scripts() {
    return {written({0, 0, 0, 0, 0, 1, 1, 1, 0, 5, 1, 2, 2, 0, 7, 3, 3, 4, 0, 0}),
            written({0, 0, 0, 0, 0, 1, 2, 1, 0, 5, 1, 1, 1, 1, 9, 2, 0, 4, 3, 0, 1, 3, 4, 0, 200}),
            written({0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 1, 2, 0, 0, 1, 1, 2, 0, 0, 1, 1, 40, 0, 0, 3}),
            written({1, 1, 0, 0, 1}), written({200, 3, 'u', 'M', 1}), written({5, 0, 0, 0, 0})};
}

}  // namespace umach::fuzz

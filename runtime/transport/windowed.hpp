// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: frames over a wire of datagrams that may lose, double, delay and reorder them
// (udp, loopback). Each frame is one datagram, sent again until it is acknowledged; what is no frame of this
// peer's is discarded and counted, as if it had been lost.
#pragma once

#include "runtime/transport/window.hpp"
#include "runtime/transport/wire.hpp"

namespace umach::transport {

class Windowed final : public Transport {
public:
    Windowed(std::unique_ptr<Wire> wire, const Options& options);  // says hello
    ~Windowed() override;

    Peer peer() const override { return wire_->peer(); }

private:
    Moved try_send(FrameKind kind, Parts body) override;
    Moved try_receive(View& body) override;
    bool drained() const override { return out_.empty(); }
    void wait_for_room(runtime::Deadline deadline) override;
    void ask_for_room() override {}  // an acknowledgement makes room, and makes the descriptor readable

    void attend();  // reads what has come, answers, repeats, beats
    void read_all();
    void take(View datagram);
    void transmit(FrameKind kind, std::uint64_t sequence, View body);
    void check_silence();
    void set_alarm();

    std::unique_ptr<Wire> wire_;
    SendWindow out_;
    ReceiveWindow in_;
    Bytes datagram_;
    Bytes taken_;  // the frame that was handed out last
    Bytes encoded_;
    bool answer_owed_ = false;
    runtime::Instant heard_, spoke_;
};

}  // namespace umach::transport

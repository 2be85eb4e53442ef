// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: frames over a wire that keeps order (all kinds but udp and loopback). The wire
// gives bytes; frames are cut from them, and each must be the next one of the same peer, or the link is
// broken.
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

class Ordered final : public Transport {
public:
    Ordered(std::unique_ptr<Wire> wire, const Options& options);  // says hello
    ~Ordered() override;

    Peer peer() const override { return wire_->peer(); }

private:
    Moved try_send(FrameKind kind, Parts body) override;
    Moved try_receive(View& body) override;
    bool drained() const override { return written_ == outgoing_.size() && !wire_->holds(); }
    void wait_for_room(runtime::Deadline deadline) override;
    void ask_for_room() override;

    void greet();            // says hello, once the wire is open
    Moved begin(Parts body);  // a frame whose head is in outgoing_
    Moved flush();            // of what the wire took only a part of
    Moved cut(View& body);    // the next frame out of what was read
    Moved accept(const Decoded& frame, View& body);
    Moved fill();          // reads on
    Moved wire_refuses();  // to take more; there may be something to read yet
    Moved finish(Ending ending, const std::string& reason);
    void tick();  // beats, and how long the peer has been silent
    void show_room(bool wanted);
    bool unread() const;

    std::unique_ptr<Wire> wire_;
    WireTraits traits_;
    Bytes outgoing_;
    std::size_t written_ = 0;  // of outgoing_
    Bytes incoming_;
    std::size_t begin_ = 0, filled_ = 0;  // what of incoming_ was read and not cut yet
    std::uint64_t next_out_ = 0, next_in_ = 0;
    runtime::Instant heard_, spoke_;
    bool room_wanted_ = false;
    bool greeted_ = false;
    bool asked_ = false;  // for room, before the wire was open
    bool soft_ = false;  // a write found the end: what is still to be read may say more
    bool sign_seen_ = false;
};

}  // namespace umach::transport

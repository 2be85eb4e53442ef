// SPDX-License-Identifier: BSL-1.0
// A session is written as tshark reads it, with the project's own frames and packets in UDP datagrams and in a
// TCP stream, and tshark says what it sees.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/transport/frame.hpp"
#include "servers/netmsg/parcel.hpp"

namespace umach::netmsg::test {
namespace {

using transport::encode_frame;
using transport::FrameKind;

Bytes frame(FrameKind kind, std::uint64_t sequence, const Bytes& body = {}) {
    Bytes bytes;
    encode_frame({kind, 0, 0x1234, sequence, sequence, 0}, body, bytes);
    return bytes;
}

Bytes packet(Op op, const std::function<void(Writer&)>& write) {
    Bytes bytes;
    Writer writer(bytes);
    writer.u8(static_cast<std::uint8_t>(op));
    write(writer);
    return bytes;
}

std::vector<Bytes> session() {
    Bytes message;
    Parcel parcel;
    parcel.id = 4711;
    parcel.reply = {RightKind::once, 9, 0};
    parcel.body = Bytes(100, std::byte{7});
    encode_parcel(parcel, message);
    const auto part = [&](Writer& w) {
        w.u32(3);
        w.u32(static_cast<std::uint32_t>(message.size()));
        w.u32(0);
        w.bytes(message);
    };
    const auto greet = [](Writer& w) {
        w.u8(protocol_version);
        w.text("office");
    };
    const auto ask = [](Writer& w) {
        w.u32(1);
        w.text("printer");
    };
    const auto find = [](Writer& w) {
        w.u32(1);
        w.u32(0);
        w.right({RightKind::mine, 3, 0});
    };
    const auto give = [](Writer& w) {
        w.u32(3);
        w.u32(2);
    };
    Bytes both = packet(Op::credit, [](Writer& w) { w.u32(7); });
    const Bytes last = packet(Op::part, part);
    both.insert(both.end(), last.begin(), last.end());
    return {frame(FrameKind::hello, 0),
            frame(FrameKind::data, 1, packet(Op::hello, greet)),
            frame(FrameKind::data, 2, packet(Op::look_up, ask)),
            frame(FrameKind::data, 3, packet(Op::found, find)),
            frame(FrameKind::data, 4, both),
            frame(FrameKind::data, 5, packet(Op::release, give)),
            frame(FrameKind::data, 6, Bytes{std::byte{3}, std::byte{1}}),
            frame(FrameKind::bye, 7)};
}

// A file of captured packets of raw IPv4 (link type 101).
class Capture {
public:
    explicit Capture(const std::string& path) : file_(path, std::ios::binary) {
        for (const std::uint32_t word : {0xA1B2C3D4u, 0x00040002u, 0u, 0u, 65535u, 101u}) put(word, 4);
    }

    void udp(const Bytes& payload) {
        ip(17, 8 + payload.size());
        for (const std::size_t number : {std::size_t{40000}, std::size_t{8677}, 8 + payload.size(), std::size_t{0}})
            big(number, 2);
        bytes(payload);
    }

    void tcp(const Bytes& payload, std::size_t sequence) {
        ip(6, 20 + payload.size());
        big(40001, 2);
        big(8677, 2);
        big(1 + sequence, 4);
        big(1, 4);
        big(0x5018, 2);
        big(65535, 2);
        big(0, 4);
        bytes(payload);
    }

private:
    void put(std::size_t number, int size) {
        for (int i = 0; i < size; ++i) file_.put(static_cast<char>(number >> (8 * i)));
    }
    void big(std::size_t number, int size) {
        for (int i = size - 1; i >= 0; --i) file_.put(static_cast<char>(number >> (8 * i)));
    }
    void bytes(const Bytes& some) {
        file_.write(reinterpret_cast<const char*>(some.data()), static_cast<std::streamsize>(some.size()));
    }
    void ip(std::size_t protocol, std::size_t size) {
        for (const std::size_t word : {std::size_t{0}, std::size_t{0}, 20 + size, 20 + size}) put(word, 4);
        big(0x4500, 2);
        big(20 + size, 2);
        big(0, 4);
        big(64 * 256 + protocol, 2);
        big(0, 2);
        big(0x0A000001, 4);
        big(0x0A000002, 4);
    }

    std::ofstream file_;
};

class Dissector : public testing::Test {
protected:
    void SetUp() override {
        if (std::system("command -v tshark >/dev/null 2>&1") != 0)
            GTEST_SKIP() << "tshark is not installed (package tshark)";
        path_ = std::filesystem::temp_directory_path() / ("umach-dissector-" + std::to_string(getpid()) + ".pcap");
    }
    void TearDown() override { std::filesystem::remove(path_); }

    std::string seen(const std::string& options) const {
        const std::string command =
            "tshark -r " + path_.string() + " -X lua_script:" DISSECTOR " " + options + " 2>/dev/null";
        FILE* from = popen(command.c_str(), "r");
        std::string text;
        std::array<char, 4096> part{};
        while (const std::size_t bytes = std::fread(part.data(), 1, part.size(), from)) text.append(part.data(), bytes);
        pclose(from);
        return text;
    }

    std::filesystem::path path_;
};

const char* const said =
    "hello\nhello office\nlook up printer\nfound code 0\ncredit 7, part to 3, 0 of 0\nrelease 3 times 2\ncredit\nbye\n";

std::string expected() {
    std::string text = said;
    const std::string length = std::to_string(100 + 4 + 4 + 1 + 9 + 1 + 4);
    return text.replace(text.find("of 0") + 3, 1, length);
}

TEST_F(Dissector, SaysOfEachDatagramWhatItIs) {
    {
        Capture capture(path_);
        for (const Bytes& one : session()) capture.udp(one);
    }
    EXPECT_EQ(seen("-T fields -e _ws.col.Info"), expected());
    EXPECT_EQ(seen("-Y umach.op==6 -T fields -e umach.name -e umach.call"), "printer\t1\n");
    EXPECT_EQ(seen("-Y umach.op==2 -T fields -e umach.msg_id -e umach.right"), "4711\t4\n");
    EXPECT_EQ(seen("-Y umach.short -T fields -e umach.sequence"), "6\n");
}

// Cut where no frame ends.
TEST_F(Dissector, PutsFramesOfAStreamTogetherThatComeInPieces) {
    {
        Capture capture(path_);
        Bytes stream;
        for (const Bytes& one : session()) stream.insert(stream.end(), one.begin(), one.end());
        for (std::size_t at = 0; at < stream.size(); at += 61) {
            const std::size_t end = std::min(stream.size(), at + 61);
            capture.tcp(Bytes(stream.begin() + static_cast<std::ptrdiff_t>(at),
                              stream.begin() + static_cast<std::ptrdiff_t>(end)),
                        at);
        }
    }
    const std::string kinds = seen("-Y umach -T fields -e umach.kind");
    EXPECT_EQ(std::count(kinds.begin(), kinds.end(), '2'), 6) << kinds;
    EXPECT_NE(seen("-V").find("umach link: credit 7, part to 3"), std::string::npos);
    EXPECT_EQ(seen("-Y umach.op==6 -T fields -e umach.name"), "printer\n");
}

}  // namespace
}  // namespace umach::netmsg::test

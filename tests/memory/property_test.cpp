// SPDX-License-Identifier: BSL-1.0
// Random regions, offsets and lengths, sent with and without the deallocate bit: what arrives is what a plain copy says.
#include "parcel.hpp"

#include <random>

namespace umach::tests {
namespace {

struct Piece {
    std::size_t region, offset, bytes;
    bool gives;
};

class Model {
public:
    explicit Model(unsigned seed) : random_(seed) {}

    void run(port_name_t port, int rounds) {
        for (int round = 0; round < rounds; ++round) {
            while (regions_.size() < 4) add();
            const std::vector<Piece> pieces = choose();
            Parcel parcel(port, round);
            std::vector<std::vector<char>> expected;
            for (const Piece& piece : pieces) {
                const char* at = regions_[piece.region].at + piece.offset;
                expected.emplace_back(at, at + piece.bytes);
                parcel.data(at, piece.bytes, piece.gives);
            }
            MUST(parcel.send() == SEND_SUCCESS);
            forget(pieces);
            for (const Region& region : regions_) std::memset(region.at, static_cast<int>(random_() & 0xff), region.bytes);
            check(port, expected);
        }
        for (const Region& region : regions_) deallocate(region.at, region.bytes);
    }

private:
    struct Region {
        char* at;
        std::size_t bytes;
    };

    void add() {
        const std::size_t bytes = 1 + random_() % (random_() % 10 == 0 ? 200 * page : 3 * page);
        regions_.push_back({allocate(bytes, static_cast<char>(random_())), bytes});
    }

    // Of one region either some pieces that are copied, or all of it, which moves.
    std::vector<Piece> choose() {
        std::vector<Piece> pieces;
        for (std::size_t region = 0; region < regions_.size(); ++region) {
            const std::size_t all = regions_[region].bytes;
            if (random_() % 3 == 0) {
                pieces.push_back({region, 0, all, true});
                continue;
            }
            for (auto left = random_() % 4; left > 0; --left) {
                const std::size_t offset = random_() % all;
                pieces.push_back({region, offset, random_() % (all - offset + 1), false});
            }
        }
        return pieces;
    }

    void forget(const std::vector<Piece>& pieces) {
        for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece)
            if (piece->gives) regions_.erase(regions_.begin() + static_cast<std::ptrdiff_t>(piece->region));
    }

    static void check(port_name_t port, const std::vector<std::vector<char>>& expected) {
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS);
        const auto parts = got.parts();
        MUST(parts.size() == expected.size());
        for (std::size_t i = 0; i < parts.size(); ++i) {
            MUST(parts[i].bytes == expected[i].size());
            MUST(parts[i].bytes == 0 || std::memcmp(parts[i].at, expected[i].data(), parts[i].bytes) == 0);
            if (parts[i].bytes != 0) deallocate(parts[i].at, parts[i].bytes);
        }
    }

    std::mt19937 random_;
    std::vector<Region> regions_;
};

TEST(MemoryProperty, RandomPiecesArriveAsAPlainCopyOfThemAndNothingIsLost) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        for (unsigned seed = 1; seed <= 8; ++seed) {
            Model(seed).run(port, 120);
            MUST((in_use() == InUse{}) && violations().empty());
        }
    }));
}

}  // namespace
}  // namespace umach::tests

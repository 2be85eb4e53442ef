// SPDX-License-Identifier: BSL-1.0
// Two processes that take turns over the same memory: the game of life, which one plays and the other draws. The board is
// a section; its right travels in a message, as one to read only. Nothing of the board is ever in a message: messages say
// whose turn it is.
#include <cstdio>
#include <vector>

#include <umach/umach.hpp>

namespace {
enum : int { your_turn = 1, my_turn, the_end };
enum : int { width = 10, height = 6, turns = 4 };

std::size_t at(int x, int y) { return static_cast<std::size_t>((y + height) % height * width + (x + width) % width); }

void play(std::span<char> board) {
    const std::vector<char> old(board.begin(), board.end());
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            int around = -old[at(x, y)];
            for (int i = 0; i < 9; ++i) around += old[at(x + i % 3 - 1, y + i / 3 - 1)];
            board[at(x, y)] = around == 3 || (around == 2 && old[at(x, y)] != 0) ? 1 : 0;
        }
}

void draw(std::span<const char> board) {
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) std::putchar(board[at(x, y)] != 0 ? '#' : '.');
        std::putchar('\n');
    }
    std::putchar('\n');
}

void say(const auto& port, msg_id_t what) {
    umach::MessageWriter message(what);
    port.send(message).value();
}

/// Draws the board whenever it is its turn. A write to it would be a fault here.
void reader() {
    const auto own = umach::ReceiveRight::allocate().value();
    const auto home = umach::registered_port(0).value();
    umach::MessageWriter here;
    here.make_send(own);
    home.send(here).value();
    const auto section = umach::Section::of(own.receive().value().reader().get<umach::SendRight>().value()).value();
    const auto board = section.map_read_only().value();
    for (say(home, my_turn); own.receive().value().id() != the_end; say(home, my_turn)) draw(board.as<char>());
}

}  // namespace

int main() {
    const auto home = umach::ReceiveRight::allocate().value();
    umach::register_ports({home}).value();
    auto process = umach::Thread::spawn(umach::Carrier::process, [] { reader(); }).value();
    const auto there = home.receive().value().reader().get<umach::SendRight>().value();

    const auto section = umach::Section::create(width * height).value();
    const auto board = section.map().value();
    auto shown = section.read_only().value();
    umach::MessageWriter message;
    message.move(shown.right());
    const auto cells = board.as<char>();
    for (const auto& [x, y] : {std::pair{2, 1}, {3, 2}, {1, 3}, {2, 3}, {3, 3}}) cells[at(x, y)] = 1;   // it glides
    there.send(message).value();
    for (int turn = 0; turn < turns; ++turn) {
        home.receive().value();   // its turn is over
        play(cells);
        say(there, your_turn);
    }
    home.receive().value();
    say(there, the_end);
    process.join().value();
}

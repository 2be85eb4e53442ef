// SPDX-License-Identifier: BSL-1.0
// Random operations on memory of all kinds by several tasks, of which one is killed at a random point each fifty operations:
// what everybody has stays as it is, and in the end all of it has come back. UMACH_FULL: a hundred thousand operations.
#include "parcel.hpp"

#include "ports/region.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <thread>

namespace umach::tests {
namespace {

// How many operations the players have done, and how many they may do: when one is killed the others are still at work.
struct Tally {
    std::atomic<std::uint64_t> done{0}, most{0};
};

constexpr std::size_t players = 3;
constexpr unsigned most_seconds = 1200;   // of a full run, on a busy machine
constexpr msg_id_t hello = 1, parcel = 100;   // hello + the number of the player

// Memory all of whose bytes are the same.
struct Piece {
    char* at;
    std::size_t bytes;
};
// A mapping of a section, each of whose pages begins with the section's number.
struct Mapped {
    char* at;
    std::size_t bytes;
    std::uint64_t number;
};

std::uint64_t number_at(const char* page_at) {
    std::uint64_t number = 0;
    std::memcpy(&number, page_at, sizeof number);
    return number;
}

void check(const Piece& piece) {
    const auto differs = [&](char byte) { return byte != piece.at[0]; };
    MUST(std::none_of(piece.at, piece.at + piece.bytes, differs));
}
void check(const Mapped& view) {
    for (std::size_t at = 0; at < view.bytes; at += page) MUST(number_at(view.at + at) == view.number);
}

// One that works until it is killed.
class Player {
public:
    Player(port_name_t home, std::size_t slot, unsigned seed, Tally& tally) : home_(home), random_(seed), tally_(tally) {
        MUST(send_right(home_, hello + static_cast<msg_id_t>(slot), own_) == SEND_SUCCESS);
    }

    [[noreturn]] void play() {
        constexpr std::array operations = {&Player::take,    &Player::take,   &Player::give,    &Player::shorten, &Player::send_copy,
                                           &Player::send_all, &Player::fetch,  &Player::fetch,   &Player::fetch,   &Player::create,
                                           &Player::map,     &Player::map,    &Player::unmap,   &Player::share,   &Player::forget,
                                           &Player::restrict, &Player::protect, &Player::read,    &Player::map_copy};
        for (;; tally_.done.fetch_add(1)) {
            while (tally_.done >= tally_.most) std::this_thread::yield();
            (this->*operations[random_() % operations.size()])();
        }
    }

private:
    std::size_t below(std::size_t most) { return random_() % most; }
    port_name_t somewhere() { return below(2) == 0 ? home_ : own_; }

    template <class T>
    T take_out(std::vector<T>& all) {
        std::swap(all[below(all.size())], all.back());
        const T one = all.back();
        all.pop_back();
        return one;
    }

    void take() {
        if (pieces_.size() >= 10) return give();
        const std::size_t bytes = 1 + below(6 * page);
        vm_address_t at = 0;
        MUST(vm_allocate(task_self(), &at, bytes, TRUE) == KERN_SUCCESS);
        pieces_.push_back({reinterpret_cast<char*>(at), bytes});
        check(pieces_.back());
        MUST(pieces_.back().at[0] == 0);
        std::memset(pieces_.back().at, static_cast<int>(below(256)), bytes);
    }
    void give() {
        if (pieces_.empty()) return;
        const Piece piece = take_out(pieces_);
        check(piece);
        deallocate(piece.at, piece.bytes);
    }
    void shorten() {
        if (pieces_.empty() || pieces_.back().bytes <= page) return;
        deallocate(pieces_.back().at, 1);
        const std::size_t gone = page - reinterpret_cast<std::uintptr_t>(pieces_.back().at) % page;
        pieces_.back().at += gone;
        pieces_.back().bytes -= gone;
        if (pieces_.back().bytes == 0) pieces_.pop_back();
    }
    bool send(Parcel&& message) {
        const msg_return_t code = message.send(SEND_TIMEOUT, 0);
        MUST(code == SEND_SUCCESS || code == SEND_TIMED_OUT || code == SEND_KERNEL_REFUSED);
        return code == SEND_SUCCESS;
    }
    void send_copy() {
        if (pieces_.empty()) return;
        const Piece& piece = pieces_[below(pieces_.size())];
        const std::size_t offset = below(piece.bytes);
        send(std::move(Parcel(somewhere(), parcel).data(piece.at + offset, 1 + below(piece.bytes - offset))));
    }
    void send_all() {
        if (pieces_.empty()) return;
        const Piece piece = take_out(pieces_);
        check(piece);
        if (!send(std::move(Parcel(somewhere(), parcel).data(piece.at, piece.bytes, true)))) pieces_.push_back(piece);
    }
    void fetch() {
        Parcel got;
        if (pieces_.size() > 12 || got.receive(own_, RCV_TIMEOUT, 0) != RCV_SUCCESS) return;
        for (const Parcel::Part& part : got.parts()) {
            if (part.code == MSG_TYPE_PORT) {
                port_name_t name = PORT_NULL;
                std::memcpy(&name, part.at, sizeof name);
                if (!part.in_line) deallocate(part.at, part.bytes);
                keep(name);
            } else {
                pieces_.push_back({part.at, part.bytes});
                check(pieces_.back());
            }
        }
    }
    static void write_number(const Mapped& view) {
        for (std::size_t at = 0; at < view.bytes; at += page) std::memcpy(view.at + at, &view.number, sizeof view.number);
    }
    void keep(port_name_t object) {
        if (std::find(objects_.begin(), objects_.end(), object) == objects_.end()) objects_.push_back(object);
        while (objects_.size() > 8) forget();
    }
    void create() {
        const std::size_t bytes = page * (1 + below(4));
        memory_object_t object = MEMORY_OBJECT_NULL;
        MUST(memory_object_create(task_self(), bytes, &object) == KERN_SUCCESS);
        const Mapped view = map_object(object, VM_PROT_DEFAULT);
        check(view);
        MUST(view.number == 0);
        views_.push_back({view.at, view.bytes, std::uint64_t{random_()} << 32 | random_() | 1});
        write_number(views_.back());
        keep(object);
        if (views_.size() > 10) unmap();
    }
    static Mapped map_object(port_name_t object, vm_prot_t protection, boolean_t copy = FALSE) {
        vm_size_t size = 0;
        vm_prot_t most = 0;
        vm_address_t at = 0;
        MUST(memory_object_info(object, &size, &most) == KERN_SUCCESS);
        MUST(vm_map(task_self(), &at, size, 0, TRUE, object, 0, copy, copy ? protection : protection & most, VM_PROT_ALL, VM_INHERIT_NONE) ==
             KERN_SUCCESS);
        auto* bytes = reinterpret_cast<char*>(at);
        return {bytes, size, number_at(bytes)};
    }
    void map() {
        if (objects_.empty() || views_.size() > 10) return;
        views_.push_back(map_object(objects_[below(objects_.size())], below(2) == 0 ? VM_PROT_DEFAULT : VM_PROT_READ));
        MUST(views_.back().number != 0);
        check(views_.back());
    }
    // A copy that is written to, with a number of its own: nobody else's bytes get into it, nor its into theirs.
    void map_copy() {
        if (objects_.empty() || views_.size() > 10) return;
        Mapped copy = map_object(objects_[below(objects_.size())], VM_PROT_DEFAULT, TRUE);
        check(copy);
        copy.number = std::uint64_t{random_()} << 32 | random_() | 1;
        write_number(copy);
        views_.push_back(copy);
    }
    void unmap() {
        if (views_.empty()) return;
        Mapped view = take_out(views_);
        check(view);
        if (below(3) == 0 && view.bytes > page) {   // in two parts
            deallocate(view.at, page);
            view = {view.at + page, view.bytes - page, view.number};
            check(view);
        }
        deallocate(view.at, view.bytes);
    }
    void share() {
        if (objects_.empty()) return;
        const msg_return_t code = msg_send_right(somewhere(), objects_[below(objects_.size())]);
        MUST(code == SEND_SUCCESS || code == SEND_TIMED_OUT);
    }
    static msg_return_t msg_send_right(port_name_t to, port_name_t right) {
        struct {
            msg_header_t head{};
            msg_type_t type{MSG_TYPE_PORT, 32, 1, 1, 0, 0, 0};
            port_t right = PORT_NULL;
        } message;
        message.head.msg_size = sizeof message;
        message.head.msg_remote_port = to;
        message.head.msg_id = parcel;
        message.right = right;
        return msg_send(&message.head, SEND_TIMEOUT, 0);
    }
    void forget() {
        if (objects_.empty()) return;
        MUST(port_deallocate(task_self(), take_out(objects_)) == KERN_SUCCESS);
    }
    void restrict() {
        if (objects_.empty()) return;
        memory_object_t proxy = MEMORY_OBJECT_NULL;
        MUST(memory_object_create_proxy(objects_.back(), VM_PROT_READ, &proxy) == KERN_SUCCESS);
        keep(proxy);
    }
    void protect() {
        if (pieces_.empty()) return;
        const Piece& piece = pieces_[below(pieces_.size())];
        const auto at = reinterpret_cast<vm_address_t>(piece.at);
        MUST(vm_protect(task_self(), at, piece.bytes, FALSE, VM_PROT_READ) == KERN_SUCCESS);
        check(piece);
        MUST(vm_protect(task_self(), at, piece.bytes, FALSE, VM_PROT_DEFAULT) == KERN_SUCCESS);
    }
    void read() {
        if (pieces_.empty() || pieces_.size() > 10) return;
        const Piece& piece = pieces_[below(pieces_.size())];
        pointer_t data = 0;
        unsigned count = 0;
        MUST(vm_read(task_self(), reinterpret_cast<vm_address_t>(piece.at), piece.bytes, &data, &count) == KERN_SUCCESS);
        pieces_.push_back({reinterpret_cast<char*>(data), count});
        check(pieces_.back());
    }

    port_name_t home_, own_ = new_port();
    std::minstd_rand random_;
    Tally& tally_;
    std::vector<Piece> pieces_;
    std::vector<Mapped> views_;
    std::vector<port_name_t> objects_;
};

// Who starts the players, passes on what they send, and kills them.
class Storm {
public:
    explicit Storm(Tally& tally) : tally_(tally) {
        leave_for_children(home_);
        for (std::size_t slot = 0; slot < players; ++slot) begin(slot);
    }

    void run(std::uint64_t operations) {
        while (tally_.done < operations) {
            const std::uint64_t next = tally_.done + 1 + random_() % 60;
            tally_.most = next + 20;
            while (tally_.done < next) pass_on(1);
            for (const Seat& seat : seats_) MUST(waitpid(seat.pid, nullptr, WNOHANG) == 0);   // none has given up
            const std::size_t slot = random_() % players;
            kill_and_reap(seats_[slot].pid);
            ++kills_;
            begin(slot);
            if (kills_ % 50 == 0) MUST(violations().empty());
        }
    }
    void end() {
        for (const Seat& seat : seats_) kill_and_reap(seat.pid);
        while (pass_on(0)) {}
        for (const Seat& seat : seats_) static_cast<void>(port_deallocate(task_self(), seat.port));
        MUST(port_deallocate(task_self(), home_) == KERN_SUCCESS);
    }
    std::uint64_t kills() const { return kills_; }
    std::uint64_t passed() const { return passed_; }

private:
    struct Seat {
        pid_t pid = 0;
        port_name_t port = PORT_NULL;
    };

    void begin(std::size_t slot) {
        const unsigned seed = static_cast<unsigned>(random_());
        if (seats_[slot].port != PORT_NULL) static_cast<void>(port_deallocate(task_self(), seats_[slot].port));
        seats_[slot].port = PORT_NULL;
        seats_[slot].pid = start([&] {
            alarm(most_seconds);
            Player(left_by_parent(), slot, seed, tally_).play();
        });
    }

    bool pass_on(msg_timeout_t timeout) {
        Parcel got;
        if (got.receive(home_, RCV_TIMEOUT, timeout) != RCV_SUCCESS) return false;
        const msg_id_t id = got.header().msg_id;
        for (const Parcel::Part& part : got.parts()) {
            port_name_t right = PORT_NULL;
            if (part.code == MSG_TYPE_PORT) std::memcpy(&right, part.at, sizeof right);   // in line, as it was sent
            if (id < parcel) greet(static_cast<std::size_t>(id - hello), right);
            else if (right != PORT_NULL) pass_right(right);
            else pass_memory(part);
        }
        return true;
    }
    // One that was killed meanwhile has left a dead name, or none.
    void greet(std::size_t slot, port_name_t port) {
        if (seats_[slot].port != PORT_NULL) static_cast<void>(port_deallocate(task_self(), seats_[slot].port));
        seats_[slot].port = port;
    }
    port_name_t anybody() { return seats_[random_() % players].port; }
    void pass_right(port_name_t right) {
        passed_ += anybody() != PORT_NULL && Parcel(anybody(), parcel).names(&right, 1).send(SEND_TIMEOUT, 0) == SEND_SUCCESS ? 1 : 0;
        MUST(port_deallocate(task_self(), right) == KERN_SUCCESS);
    }
    void pass_memory(const Parcel::Part& part) {
        check(Piece{part.at, part.bytes});
        const port_name_t to = anybody();
        if (to != PORT_NULL && Parcel(to, parcel).data(part.at, part.bytes, true).send(SEND_TIMEOUT, 0) == SEND_SUCCESS) ++passed_;
        else deallocate(part.at, part.bytes);
    }

    Tally& tally_;
    port_name_t home_ = new_port();
    std::array<Seat, players> seats_;
    std::mt19937 random_{20261130};
    std::uint64_t kills_ = 0, passed_ = 0;
};

bool all_is_back() {
    const ports::Zone& views = kernel().zone(ports::zone_views);
    return in_use() == InUse{} && views.fresh() - 1 == views.on_free_list();
}

TEST(MemoryStorm, BytesAndRegionsReturnToTheStartThoughATaskIsKilledEachFiftyOperations) {
    const std::uint64_t operations = std::getenv("UMACH_FULL") != nullptr ? 100'000 : 4'000;
    void* shared = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    auto& tally = *new (shared) Tally;
    EXPECT_TRUE(runs_well([&] {
        alarm(most_seconds);
        const auto begin = std::chrono::steady_clock::now();
        new_port();
        MUST(all_is_back());
        Storm storm(tally);
        storm.run(operations);
        storm.end();
        MUST(becomes_true([] { return all_is_back() && live_tasks() <= 3; }));   // the last to die are still being buried
        MUST(violations().empty());
        MUST(kernel().header().stock_pages <= kernel().header().most_stock_pages);
        MUST(storm.kills() >= operations / 100 && storm.passed() > operations / 100);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        std::printf("%lu operations, %lu kills, %lu passed on, %.1f s\n", tally.done.load(), storm.kills(), storm.passed(), took.count());
        std::fflush(stdout);
    }));
    munmap(shared, page);
}

}  // namespace
}  // namespace umach::tests

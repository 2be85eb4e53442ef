// SPDX-License-Identifier: BSL-1.0
#include "tasks/private_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

namespace umach::tasks {

constinit thread_local int kept_in_child = -1;

namespace {

// Never destroyed: a hidden thread may still close a descriptor while the process exits.
std::unordered_set<int>& noted() {
    static auto* numbers = new std::unordered_set<int>;
    return *numbers;
}

// Descriptors that the program has, with the inode that tells whether it still does.
std::unordered_map<int, ino_t>& handed_out() {
    static auto* numbers = new std::unordered_map<int, ino_t>;
    return *numbers;
}

ino_t inode_of(int number) {
    struct stat status {};
    return fstat(number, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::mutex& private_descriptors_lock() {
    static auto* lock = new std::mutex;
    return *lock;
}

namespace {
// Made at load: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
[[maybe_unused]] const std::mutex& lock_at_load = private_descriptors_lock();
[[maybe_unused]] const auto& noted_at_load = noted();
[[maybe_unused]] const auto& handed_out_at_load = handed_out();
}  // namespace

void close_private_descriptors_in_child() {
    for (const int number : noted())
        if (number != kept_in_child) ::close(number);
    noted().clear();
    for (const auto& [number, inode] : handed_out())
        if (inode_of(number) == inode) ::close(number);
    handed_out().clear();
}

PrivateDescriptor::PrivateDescriptor(int number) : number_(number) {
    if (number >= 0) noted().insert(number);
}

PrivateDescriptor PrivateDescriptor::pipe_to_program(int* reader) {
    return from([reader] {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
        *reader = ends[0];
        handed_out()[ends[0]] = inode_of(ends[0]);
        return ends[1];
    });
}

void PrivateDescriptor::close() {
    if (number_ < 0) return;
    const int kept = errno;
    const std::lock_guard guard(private_descriptors_lock());
    noted().erase(number_);
    ::close(std::exchange(number_, -1));
    errno = kept;
}

}  // namespace umach::tasks

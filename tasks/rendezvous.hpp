// SPDX-License-Identifier: BSL-1.0
// Where members meet: a host's name is the abstract Unix socket of its keeper, umach/UID/NAME. It is in no
// file system and goes with its keeper, so nothing stale can exist. What is said there: a hello, and a
// welcome with the segment.
#pragma once

#include "ports/kernel.hpp"
#include "tasks/private_descriptor.hpp"

#include <array>
#include <initializer_list>
#include <string>

namespace umach::tasks {

inline constexpr std::size_t longest_host_name = 31;
inline constexpr std::uint64_t hello_magic = 0x756d61636868656c;
inline constexpr std::uint32_t protocol_version = 4;

// sponsor: a member has made a process, which waits, and which is to be one of the host's from now on.
enum class Purpose : std::uint32_t { join, rejoin, sponsor };
struct Hello {
    std::uint64_t magic = hello_magic;
    std::uint32_t version = protocol_version;
    std::uint32_t layout = ports::Kernel::layout_hash();
    Purpose purpose = Purpose::join;
    std::uint32_t process = 0;  // of a member that comes again; its pid, of one that is sponsored
};

enum class Answer : std::uint32_t { welcome, other_version, host_full, no_descriptor, unknown };
struct Welcome {
    std::uint64_t magic = hello_magic;
    Answer answer = Answer::welcome;
    std::uint32_t version = protocol_version;
    std::uint32_t layout = ports::Kernel::layout_hash();
    ports::ProcessRef process{};     // the slot that the keeper has made for the joiner
    std::uint64_t bytes = 0;         // of the segment
    std::uint32_t segment_kind = 0;  // how the segment comes: a descriptor, or the id
    std::int32_t segment_id = -1;
};

// returns: false for an empty name, a name over longest_host_name bytes, or one with a '/' or a zero in it
bool is_host_name(const std::string& name);

// Takes a name.
// returns: EADDRINUSE when a host of this user has it
runtime::Outcome<PrivateDescriptor> listen_as(const std::string& name);

// returns: ECONNREFUSED when nobody has the name; EPERM when it is another user's process that has it
runtime::Outcome<PrivateDescriptor> connect_to(const std::string& name);

// Whether some other user has a host of this name.
bool is_another_users(const std::string& name);

bool same_user(int connection);  // at the other end

inline constexpr std::size_t most_descriptors = 3;  // with one record

// Sends a record, with descriptors; -1 is none, and those behind it move up.
bool send_record(int connection, const void* record, std::size_t bytes, std::initializer_list<int> descriptors = {});

struct Received {
    ssize_t bytes = -1;  // 0: the other end has gone, -1: a fault, errno says which
    std::array<runtime::Descriptor, most_descriptors> descriptors;
};
// waits: for a record, at most so many milliseconds (ETIMEDOUT)
Received receive_record(int connection, void* record, std::size_t bytes, int milliseconds);

}  // namespace umach::tasks

// SPDX-License-Identifier: BSL-1.0
// Names at which somebody listens, and how the system tells of them: of POSIX queues, FIFOs and sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/descriptor.hpp"

namespace umach::transport::test {

class Names {
public:
    // all: how many there are while somebody listens
    Names(std::string name, std::size_t names) : all(names), name_(std::move(name)) {}
    virtual ~Names() = default;

    virtual std::string address() const = 0;
    virtual std::string lock() const = 0;  // the file of the lock, as /proc shows it
    virtual std::size_t there() const = 0;
    virtual void remove() = 0;
    virtual void make_of_another_program() = 0;  // who uses them

    const std::size_t all;

protected:
    const std::string name_;
};

class FileNames : public Names {
public:
    FileNames(const char* kind, std::vector<std::string> endings);
    std::string address() const override;
    std::string lock() const override;
    std::size_t there() const override;
    void remove() override;
    void make_of_another_program() override;

    void remove_all_but_the_lock();
    virtual void make_in_use() = 0;
    void nobody_uses_them() { another_.reset(); }

protected:
    runtime::Descriptor another_;

private:
    const std::string kind_;
    const std::vector<std::string> endings_;  // without the lock's
};

struct KindOfNames {
    const char* name;
    std::unique_ptr<Names> (*make)();
    int calls_to_remove;  // system calls, at most, from the lock on
};
void PrintTo(const KindOfNames& kind, std::ostream* out);

extern const KindOfNames posix_names, fifo_names, socket_names;

std::ptrdiff_t entries_in(const std::string& folder);

}  // namespace umach::transport::test

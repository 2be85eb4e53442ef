// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: names at which somebody listens, of POSIX queues and of files. Their warden makes
// them, and removes those that are left when their maker has ended, however it ended.
//
// A name is a listener's until it is removed, and then perhaps another one's. So what has the name has a
// lock, of its open files: who listens shares it; who removes the name of a listener that has ended takes it
// alone, and then looks whether the name means that one still. What has its lock free has no listener.
#pragma once

#include <memory>
#include <string>

#include "runtime/descriptor.hpp"
#include "runtime/unseen.hpp"
#include "runtime/warden.hpp"

namespace umach::transport {

// A name, and how the system is asked about it. All but check() runs in a fork of a process that may have
// other threads: it makes system calls and nothing else, and is UMACH_UNSEEN.
class ListenedName {
public:
    // address: for faults
    ListenedName(std::string name, std::string address)
        : name_(std::move(name)), address_(std::move(address)), text_(name_.c_str()) {}
    ListenedName(const ListenedName&) = delete;
    ListenedName& operator=(const ListenedName&) = delete;
    virtual ~ListenedName() = default;

    // returns: what has the name from now on, open; or -1, and errno says why: EEXIST when it has a meaning
    virtual int make() const noexcept = 0;
    // returns: what has the name, open for reading and writing; or -1
    virtual int open() const noexcept = 0;
    virtual void unlink() const noexcept = 0;
    // Removes what goes with the name and has been left by its listener; the caller has the lock.
    virtual void clear() const noexcept {}
    // returns: why that file, which has the name, is not to be used
    virtual runtime::Outcome<void> check(int file) const = 0;

    const std::string& name() const noexcept { return name_; }
    const std::string& address() const noexcept { return address_; }

protected:
    UMACH_UNSEEN const char* text() const noexcept { return text_; }  // name(), as a warden may have it

private:
    const std::string name_, address_;
    const char* const text_;
};

// A name at which this process listens. It goes with this object; or with the last process that has a copy of
// it, by a fork.
class Listening {
public:
    // A name whose listener was killed is taken over.
    // returns: EADDRINUSE when somebody listens there, or why what has the name is not to be used
    static runtime::Outcome<Listening> begin(std::unique_ptr<const ListenedName> name);

    Listening(Listening&&) noexcept = default;
    Listening& operator=(Listening&&) = delete;
    ~Listening();

    int get() const noexcept { return file_.get(); }  // what has the name and the lock
    const std::string& name() const noexcept { return name_->name(); }

private:
    Listening(std::unique_ptr<const ListenedName> name, runtime::Descriptor file,
              runtime::Descriptor lifeline);

    std::unique_ptr<const ListenedName> name_;
    runtime::Descriptor file_, lifeline_;
};

// Makes two names at which nobody listens, and which go with the lifeline if nothing removes them before.
runtime::Outcome<runtime::Warded> make_names(const ListenedName& first, const ListenedName& second,
                                             const std::string& what);

bool is_listened(int file);

}  // namespace umach::transport

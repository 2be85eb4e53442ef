// SPDX-License-Identifier: BSL-1.0
// The keys of one user's links, in a folder that only the user reads: key.pem, our own, and peers, the
// fingerprints that are pinned, one a line, each with a name for people.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/transport/transport.hpp"

namespace umach::netmsg {

struct Pinned {
    std::string fingerprint, name;
};

class Keyring {
public:
    // folder: "" for $XDG_CONFIG_HOME/umach, or ~/.config/umach
    explicit Keyring(std::string folder);
    const std::string& folder() const { return folder_; }

    // returns: a fault when there is none, or when others could have read or changed it
    runtime::Outcome<transport::Key> key() const;
    // Makes the key, mode 0600, and the folder, mode 0700. One that is there stays.
    runtime::Outcome<transport::Key> make_key() const;

    // returns: none when there is no file; a fault when others can change it, or a line is none
    runtime::Outcome<std::vector<Pinned>> peers() const;
    // returns: a fault for what is no fingerprint, or a name that is taken or has blanks in it
    runtime::Outcome<void> pin(const Pinned& peer) const;
    // which: a fingerprint or a name. returns: a fault when it is not pinned
    runtime::Outcome<void> remove(const std::string& which) const;

    // Of our key, and of what is pinned at each moment.
    runtime::Outcome<std::shared_ptr<const transport::Seal>> seal() const;

private:
    runtime::Outcome<void> write_peers(const std::vector<Pinned>& peers) const;
    std::string folder_;
};

}  // namespace umach::netmsg

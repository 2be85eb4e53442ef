// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/keyring.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

namespace umach::netmsg {

using runtime::Fault;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;
using transport::Key;

namespace {

constexpr std::size_t most_bytes = 1 << 20;  // of a file

std::string usual_folder() {
    if (const char* const given = std::getenv("XDG_CONFIG_HOME"); given != nullptr && given[0] == '/')
        return std::string(given) + "/umach";
    const char* const home = std::getenv("HOME");
    return std::string(home != nullptr ? home : "") + "/.config/umach";
}

// Who can write to it decides who comes in, and who can read the key can be us.
Outcome<void> check_ours(int file, const std::string& path, mode_t closed) {
    struct stat seen {};
    if (fstat(file, &seen) != 0) return last_fault("looking at " + path);
    if (!S_ISREG(seen.st_mode) || seen.st_uid != geteuid())
        return make_fault(EPERM, path + " is no file of this user's");
    if ((seen.st_mode & closed) != 0) return make_fault(EPERM, path + " is open to others");
    return {};
}

Outcome<std::string> read_ours(const std::string& path, mode_t closed) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return last_fault("opening " + path);
    const runtime::Descriptor kept(file);
    if (auto ours = check_ours(file, path, closed); !ours) return ours.fault();
    std::string text;
    char some[4096];
    for (ssize_t got = 0; (got = read(file, some, sizeof some)) != 0;) {
        if (got < 0) return last_fault("reading " + path);
        text.append(some, static_cast<std::size_t>(got));
        if (text.size() > most_bytes) return make_fault(EFBIG, path);
    }
    return text;
}

// Who changes a file in the folder is alone in that while it has this, which goes with it, however it ends.
Outcome<runtime::Descriptor> lock(const std::string& folder) {
    runtime::Descriptor kept(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!kept) return last_fault("opening " + folder);
    while (flock(kept.get(), LOCK_EX) != 0)
        if (errno != EINTR) return last_fault("locking " + folder);
    return kept;
}

// takes: the folder's lock. The file is there whole, or as it was before; what a killed writer has left goes.
// fresh: a file that is there already is a fault
Outcome<void> write_ours(const std::string& path, const std::string& text, bool fresh) {
    const std::string way = path + ".new";
    unlink(way.c_str());
    const runtime::Descriptor file(open(way.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return last_fault("making " + way);
    const bool written = write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                         fsync(file.get()) == 0 &&
                         (fresh ? link(way.c_str(), path.c_str()) : rename(way.c_str(), path.c_str())) == 0;
    const Fault fault = written ? Fault{} : last_fault("writing " + path);
    if (fresh || !written) unlink(way.c_str());
    if (!written) return fault;
    return {};
}

Outcome<void> make_folder(const std::string& path) {
    for (std::size_t at = 1; at != std::string::npos;) {
        at = path.find('/', at + 1);
        const std::string part = path.substr(0, at);
        if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return last_fault("making " + part);
    }
    return {};
}

}  // namespace

Keyring::Keyring(std::string folder) : folder_(folder.empty() ? usual_folder() : std::move(folder)) {}

Outcome<Key> Keyring::key() const {
    const auto text = read_ours(folder_ + "/key.pem", 077);
    if (text) return Key::from_pem(text.value());
    if (text.fault().error != ENOENT) return text.fault();
    return Fault{ENOENT, "there is no key in " + folder_ + ": `umach key` makes one"};
}

Outcome<Key> Keyring::make_key() const {
    auto there = key();
    if (there || there.fault().error != ENOENT) return there;
    if (auto made = make_folder(folder_); !made) return made.fault();
    const auto alone = lock(folder_);
    if (!alone) return alone.fault();
    there = this->key();   // somebody may have made one meanwhile
    if (there || there.fault().error != ENOENT) return there;
    auto key = Key::make();
    if (!key) return key;
    if (auto written = write_ours(folder_ + "/key.pem", key.value().pem(), true); !written)
        return written.fault();
    return key;
}

Outcome<std::vector<Pinned>> Keyring::peers() const {
    const std::string path = folder_ + "/peers";
    std::vector<Pinned> peers;
    const auto text = read_ours(path, 022);
    if (!text && text.fault().error == ENOENT) return peers;
    if (!text) return text.fault();
    std::istringstream lines(text.value());
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        Pinned peer;
        words >> peer.fingerprint >> peer.name;
        if (!transport::is_fingerprint(peer.fingerprint))
            return make_fault(EINVAL, path + ": \"" + line + "\" is no pinned key");
        peers.push_back(peer);
    }
    return peers;
}

Outcome<void> Keyring::write_peers(const std::vector<Pinned>& peers) const {
    std::string text;
    for (const Pinned& peer : peers) text += peer.fingerprint + " " + peer.name + "\n";
    return write_ours(folder_ + "/peers", text, false);
}

Outcome<void> Keyring::pin(const Pinned& peer) const {
    if (!transport::is_fingerprint(peer.fingerprint))
        return Fault{EINVAL, "\"" + peer.fingerprint + "\" is no fingerprint: that has 64 digits, 0 to f"};
    if (peer.name.empty() || peer.name.find_first_of(" \t\r\n") != std::string::npos)
        return Fault{EINVAL, "\"" + peer.name + "\" is no name: it has blanks, or nothing in it"};
    if (auto made = make_folder(folder_); !made) return made;
    const auto alone = lock(folder_);
    if (!alone) return alone.fault();
    auto all = peers();
    if (!all) return all.fault();
    for (const Pinned& there : all.value()) {
        if (there.name == peer.name) return Fault{EEXIST, "\"" + peer.name + "\" is pinned already"};
        if (there.fingerprint == peer.fingerprint)
            return Fault{EEXIST, "that key is pinned already, as \"" + there.name + "\""};
    }
    all.value().push_back(peer);
    return write_peers(all.value());
}

Outcome<void> Keyring::remove(const std::string& which) const {
    const auto alone = lock(folder_);
    if (!alone && alone.fault().error != ENOENT) return alone.fault();
    auto all = peers();
    if (!all) return all.fault();
    const auto gone = std::erase_if(
        all.value(), [&](const Pinned& peer) { return peer.name == which || peer.fingerprint == which; });
    if (gone == 0) return Fault{ENOENT, "\"" + which + "\" is not pinned in " + folder_};
    return write_peers(all.value());
}

Outcome<std::shared_ptr<const transport::Seal>> Keyring::seal() const {
    const auto own = key();
    if (!own) return own.fault();
    if (const auto all = peers(); !all) return all.fault();
    return transport::Seal::make(own.value(), [ring = *this](const std::string& shown) {
        const auto all = ring.peers();
        return all.ok() && std::any_of(all.value().begin(), all.value().end(),
                                       [&](const Pinned& peer) { return peer.fingerprint == shown; });
    });
}

}  // namespace umach::netmsg

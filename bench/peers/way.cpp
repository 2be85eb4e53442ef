// SPDX-License-Identifier: BSL-1.0
#include "peers/way.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "harness/system.hpp"

namespace bench {
namespace {

using umach::netmsg::Keyring;

std::string made_folder() {
    std::string folder = bench_folder() + "/keys-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) fail("making a folder for keys");
    return folder;
}

}  // namespace

Way::Way(Over over)
    : place_(over == Over::unix_socket ? "unix:@bench-" + std::to_string(getpid()) : "tcp:127.0.0.1:0"),
      folder_(over == Over::tls ? made_folder() : "") {
    if (folder_.empty()) return;
    const Keyring here(folder_ + "/here"), there(folder_ + "/there");
    const std::string one = here.make_key().value().fingerprint(), other = there.make_key().value().fingerprint();
    here.pin({other, "there"}).value();
    there.pin({one, "here"}).value();
}

Way::~Way() {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

transport::Options Way::options(const char* end) const {
    transport::Options options;
    options.insecure = folder_.empty();
    if (!folder_.empty()) options.seal = Keyring(folder_ + "/" + end).seal().value();
    return options;
}

}  // namespace bench

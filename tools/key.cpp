// SPDX-License-Identifier: BSL-1.0
// umach key: the key by which this user's links are known, and the keys of peers that may come in.
#include "command.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include "servers/netmsg/keyring.hpp"

namespace umach::tools {
namespace {

struct Asked {
    std::string folder, fingerprint, name, which;
};

netmsg::Keyring ring_of(const Asked& asked) {
    return netmsg::Keyring(asked.folder);
}

template <class Result>
Result must(runtime::Outcome<Result> outcome) {
    if (!outcome.ok()) throw Trouble(outcome.fault().what);
    if constexpr (!std::is_void_v<Result>) return std::move(outcome).value();
}

int show(const Asked& asked) {
    fmt::print("{}\n", must(ring_of(asked).make_key()).fingerprint());
    return 0;
}

int pin(const Asked& asked) {
    const std::string name = asked.name.empty() ? asked.fingerprint.substr(0, 8) : asked.name;
    must(ring_of(asked).pin({asked.fingerprint, name}));
    return 0;
}

int list(const Asked& asked) {
    Table table({"NAME", "FINGERPRINT"});
    for (const netmsg::Pinned& peer : must(ring_of(asked).peers())) table.add({peer.name, peer.fingerprint});
    fmt::print("{}", table.text());
    return 0;
}

int remove(const Asked& asked) {
    must(ring_of(asked).remove(asked.which));
    return 0;
}

}  // namespace

void add_key(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* key = app.add_subcommand(
        "key", "Shows the fingerprint of this user's key for links, and makes the key if there is none");
    key->add_option("--dir", asked->folder, "Where the keys are; $XDG_CONFIG_HOME/umach or ~/.config/umach");
    key->require_subcommand(0, 1);
    CLI::App* pinning = key->add_subcommand("pin", "Lets a peer in, and believes it, by its fingerprint");
    pinning->add_option("FINGERPRINT", asked->fingerprint, "What `umach key` says there")->required();
    pinning->add_option("NAME", asked->name, "For people; the first digits without it");
    CLI::App* listing = key->add_subcommand("list", "Names the pinned keys");
    CLI::App* removing = key->add_subcommand("remove", "Believes a peer no more, from its next link on");
    removing->add_option("WHICH", asked->which, "A name or a fingerprint")->required();
    key->callback([=, &status] {
        status = *pinning ? pin(*asked) : *listing ? list(*asked) : *removing ? remove(*asked) : show(*asked);
    });
}

}  // namespace umach::tools

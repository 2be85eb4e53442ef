// SPDX-License-Identifier: BSL-1.0
// The words of the command line and of the results.
#pragma once

#include <map>
#include <string>

#include "harness/peer.hpp"

namespace bench {

inline const std::map<std::string, Mode> modes{
    {"rpc", Mode::rpc}, {"stream", Mode::stream}, {"wait", Mode::wait}};
inline const std::map<std::string, Place> places{
    {"cross", Place::cross}, {"same", Place::same}, {"free", Place::free}};
inline const std::map<std::string, Wait> waits{
    {"blocking", Wait::blocking}, {"adaptive", Wait::adaptive}, {"polling", Wait::polling}};
inline const std::map<std::string, Space> spaces{
    {"processes", Space::processes}, {"threads", Space::threads}, {"fibers", Space::fibers}};

inline const std::string& name_in(const auto& names, auto value) {
    auto found = names.begin();
    while (found->second != value) ++found;
    return found->first;
}
inline const std::string& name_of(Mode mode) {
    return name_in(modes, mode);
}
inline const std::string& name_of(Place place) {
    return name_in(places, place);
}
inline const std::string& name_of(Wait wait) {
    return name_in(waits, wait);
}
inline const std::string& name_of(Space space) {
    return name_in(spaces, space);
}

}  // namespace bench

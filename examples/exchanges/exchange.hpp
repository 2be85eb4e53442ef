// SPDX-License-Identifier: BSL-1.0
// What the exchanges have in common: one process is the program, the other its child, and they speak in
// frames of text. Every kind of transport has the same calls; only the address tells them apart.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/transport/transport.hpp"

namespace exchange {

using umach::transport::Listener;
using umach::transport::Transport;

/// Runs `work` in a child. returns: its process number
int start(const std::function<void()>& work);
/// Waits for the child. returns: what a program ends with: 0 when the child has ended well
int end_of(int child);

/// A listener at that address. throws: std::runtime_error with the reason, when there can be none
Listener listen_at(const std::string& address);
/// waits: for the next one who comes in
std::unique_ptr<Transport> guest_of(Listener& listener);
/// throws: std::runtime_error with the reason, when nobody listens there
std::unique_ptr<Transport> connected_to(const std::string& address);

/// Sends one frame. waits: for room. throws: when the other end has gone
void say(Transport& to, const std::string& text);
/// waits: for the next frame. returns: false when the other end has gone and nothing of it is left
bool hear(Transport& from, std::string* text);
/// The same without waiting, false also when there is nothing now.
bool hear_now(Transport& from, std::string* text);
/// Says goodbye, once all that was said has left.
void part_from(Transport& other);

}  // namespace exchange

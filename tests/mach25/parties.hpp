// SPDX-License-Identifier: BSL-1.0
// Other parties of a test: threads of the same task, and forked children, which are tasks of their own.
#pragma once

#include "space.hpp"

#include <sys/types.h>

#include <functional>
#include <future>
#include <thread>

namespace umach::tests {

// A thread that makes one call. It can be waited for until it sleeps in that call.
class Party {
public:
    explicit Party(std::function<int()> call);
    Party(const Party&) = delete;
    Party& operator=(const Party&) = delete;
    ~Party();
    // Returns once the thread sleeps in its call.
    void asleep();
    // What the call returned; a test that would wait longer than patience ends with a failure.
    int result();
    bool ended() { return result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
    // Sends the thread a signal.
    void signal(int number);

private:
    std::promise<pid_t> started_;
    std::future<int> result_;
    pid_t tid_ = 0;
    std::thread thread_;
};

// A forked child. Its body may use EXPECT and ASSERT; wait() says whether all of them held.
class Child {
public:
    explicit Child(const std::function<void()>& body);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();
    // The child ended by itself, and nothing failed in it.
    ::testing::AssertionResult wait();
    // Ends it with SIGKILL and returns when it is gone.
    void kill();
    // Returns once the child's first thread sleeps.
    void asleep() const;
    pid_t pid() const { return pid_; }

private:
    pid_t pid_ = 0;
};

// Returns once a thread sleeps and stays asleep. path: its folder under /proc.
void wait_until_asleep(const std::string& path);

// In a child: a port that the parent has registered; 0 is the hub, 1 the side port.
port_t inherited(unsigned which = 0);

// A fixture whose children find two ports of the parent's, the hub and the side port, among their registered
// ports.
class Family : public Mach25 {
protected:
    void SetUp() override;
    void TearDown() override;
    port_t hub_ = PORT_NULL;
    port_t side_ = PORT_NULL;
};

// In a child: gives the parent a send right to a port of its own, by which the parent learns of its end.
void report_at_side();
// In the parent: the port that a child has reported.
port_t reported(port_t side);

// A child that stays until the end of the case. It has given the test its kernel port, and sleeps in a
// receive.
class Peer {
public:
    explicit Peer(port_t hub);
    ~Peer();
    task_t task() const { return task_; }
    // A send right to the port at which the peer listens. What arrives there it destroys.
    port_t port() const { return port_; }
    // Ends the peer with SIGKILL; its kernel port has died and been told of when this returns.
    void kill();

private:
    Child child_;
    task_t task_ = PORT_NULL;
    port_t port_ = PORT_NULL;
    bool gone_ = false;
};

// Runs a named body in a new program with a host of its own. settings: "UMACH_PORTS=100" and the like.
::testing::AssertionResult run_fresh(const std::string& name, const std::vector<std::string>& settings);

// Registers a body that run_fresh() can run. The body may use EXPECT and ASSERT.
struct FreshBody {
    FreshBody(const char* name, void (*body)());
};
#define UMACH_FRESH(name)                                             \
    static void name();                                               \
    static const ::umach::tests::FreshBody fresh_##name(#name, name); \
    static void name()
// Runs a registered body. returns: the exit code
int run_fresh_body(const char* name);

}  // namespace umach::tests

// SPDX-License-Identifier: BSL-1.0
#include "tasks/hidden_thread.hpp"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <atomic>
#include <memory>

namespace umach::tasks {
namespace {

constexpr std::size_t stack_bytes = 256 * 1024;
constinit std::atomic<std::size_t> hidden_threads{0};

// Counted from before it is there until its end, whichever way that comes.
class Counted {
public:
    Counted() { hidden_threads.fetch_add(1); }
    Counted(Counted&& other) noexcept : counts_(std::exchange(other.counts_, false)) {}
    ~Counted() {
        if (counts_) hidden_threads.fetch_sub(1);
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    bool counts_ = true;
};

struct Hidden {
    std::function<void()> work;
    Counted counted{};
};

std::size_t threads_of_process() {
    std::size_t threads = 0;
    if (DIR* folder = opendir("/proc/self/task")) {
        while (const dirent* entry = readdir(folder)) threads += entry->d_name[0] != '.';
        closedir(folder);
    }
    return threads;
}

void* run(void* argument) {
    const std::unique_ptr<Hidden> hidden(static_cast<Hidden*>(argument));
    hidden->work();
    return nullptr;
}

int create(pthread_t* thread, void* argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited, so there is no instant without it
    const int error = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return error;
}

}  // namespace

runtime::Outcome<void> start_hidden_thread(const char* name, std::function<void()> work) {
    auto body = std::make_unique<Hidden>();
    body->work = [name, work = std::move(work)] {
        pthread_setname_np(pthread_self(), name);
        work();
    };
    pthread_t thread;
    if (const int error = create(&thread, body.get()); error != 0)
        return runtime::make_fault(error, std::string("starting the thread ") + name);
    static_cast<void>(body.release());  // the thread's from here on
    return {};
}

bool is_last_thread_of_program() {
    return threads_of_process() <= hidden_threads.load() + 1;
}

void forget_hidden_threads() {
    hidden_threads.store(0);
}

}  // namespace umach::tasks

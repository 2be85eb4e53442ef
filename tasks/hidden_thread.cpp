// SPDX-License-Identifier: BSL-1.0
#include "tasks/hidden_thread.hpp"

#include <pthread.h>
#include <signal.h>
#include <memory>

namespace umach::tasks {
namespace {

constexpr std::size_t stack_bytes = 256 * 1024;

void* run(void* argument) {
    const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
    (*work)();
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
    auto body = std::make_unique<std::function<void()>>([name, work = std::move(work)] {
        pthread_setname_np(pthread_self(), name);
        work();
    });
    pthread_t thread;
    if (const int error = create(&thread, body.get()); error != 0)
        return runtime::make_fault(error, std::string("starting the thread ") + name);
    static_cast<void>(body.release());  // the thread's from here on
    return {};
}

}  // namespace umach::tasks

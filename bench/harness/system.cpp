// SPDX-License-Identifier: BSL-1.0
#include "harness/system.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace bench {

void fail(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

void unsupported(const std::string& what) {
    std::fprintf(stderr, "not supported here: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(exit_unsupported);
}

std::string bench_folder() {
    const char* named = std::getenv("BENCH_FOLDER");
    return named != nullptr ? named : ".";
}

void write_all(int fd, const std::byte* data, std::size_t size) {
    while (size > 0) {
        const ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR) continue;
        check(done, "write");
        data += done;
        size -= static_cast<std::size_t>(done);
    }
}

void read_all(int fd, std::byte* data, std::size_t size) {
    while (size > 0) {
        const ssize_t done = read(fd, data, size);
        if (done < 0 && errno == EINTR) continue;
        check(done, "read");
        if (done == 0) {
            errno = EPIPE;
            fail("read");
        }
        data += done;
        size -= static_cast<std::size_t>(done);
    }
}

}  // namespace bench

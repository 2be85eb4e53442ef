// SPDX-License-Identifier: BSL-1.0
// The POSIX segment: a file of /dev/shm without a name.
#include <cerrno>
#include <cstdint>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/segment/mapping.hpp"
#include "runtime/segment/posix_file.hpp"

namespace umach::runtime {

namespace {

namespace interprocess = boost::interprocess;

Outcome<std::string> random_name() {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return last_fault("getrandom");
    std::string name = "umach-";
    for (const unsigned char byte : bytes) {
        name += "0123456789abcdef"[byte >> 4];
        name += "0123456789abcdef"[byte & 15];
    }
    return name;
}

bool not_offered(const Fault& fault) noexcept {
    return fault.error == EOPNOTSUPP || fault.error == EISDIR || fault.error == ENOENT;
}

}  // namespace

Outcome<Descriptor> nameless_file() {
    // O_EXCL: nobody can give it a name later.
    Descriptor file(open("/dev/shm", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return last_fault("open of /dev/shm with O_TMPFILE");
    return file;
}

Outcome<Descriptor> unlinked_file() {
    auto name = random_name();
    if (!name) return std::move(name).fault();
    try {
        const interprocess::shared_memory_object object(interprocess::create_only, name.value().c_str(),
                                                        interprocess::read_write,
                                                        interprocess::permissions(0600));
        interprocess::shared_memory_object::remove(name.value().c_str());
        Descriptor file(fcntl(object.get_mapping_handle().handle, F_DUPFD_CLOEXEC, 0));
        if (!file) return last_fault("duplicating the descriptor of shm_open");
        return file;
    } catch (const interprocess::interprocess_exception& refused) {
        const int error = refused.get_native_error();
        return make_fault(error == 0 ? EINVAL : error, "shm_open of /" + name.value());
    }
}

Outcome<Segment> SegmentMaker::create_posix(std::size_t bytes) {
    auto file = nameless_file();
    if (!file && not_offered(file.fault())) file = unlinked_file();
    if (!file) return std::move(file).fault();
    if (auto done = reserve_file(file.value().get(), bytes); !done) return std::move(done).fault();
    return map_file(SegmentKind::posix, std::move(file).value(), bytes);
}

Outcome<Segment> SegmentMaker::attach_posix(Descriptor descriptor, std::size_t bytes) {
    if (auto checked = check_file(descriptor.get(), bytes); !checked) return std::move(checked).fault();
    return map_file(SegmentKind::posix, std::move(descriptor), bytes);
}

}  // namespace umach::runtime

// SPDX-License-Identifier: BSL-1.0
#include "tests/transport/names.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/transport/kinds.hpp"

namespace umach::transport::test {

namespace {

std::string own_name() { return "umach-transport-" + std::to_string(getpid()) + "-name"; }

class QueueName final : public Names {
public:
    QueueName() : Names("/" + own_name(), 1) {}
    std::string address() const override { return "posix:" + name_; }
    std::string lock() const override { return name_; }
    std::size_t there() const override { return is_posix_queue(name_); }
    void remove() override { mq_unlink(name_.c_str()); }
    void make_of_another_program() override {
        mq_close(mq_open(name_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, nullptr));
    }
};

class FifoNames final : public FileNames {
public:
    FifoNames() : FileNames("fifo", {".to", ".from"}) {}
    void make_in_use() override {
        for (const char* ending : {".to", ".from"}) EXPECT_EQ(mkfifo((name_ + ending).c_str(), 0600), 0);
        another_.reset(open((name_ + ".to").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    }
};

class SocketName final : public FileNames {
public:
    SocketName() : FileNames("unix", {""}) {}
    void make_in_use() override {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        name_.copy(at.sun_path, sizeof at.sun_path - 1);
        another_.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        EXPECT_EQ(bind(another_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(::listen(another_.get(), 1), 0);
    }
};

template <class Sort>
std::unique_ptr<Names> make() {
    return std::make_unique<Sort>();
}

}  // namespace

FileNames::FileNames(const char* kind, std::vector<std::string> endings)
    : Names("/tmp/" + own_name(), endings.size() + 1), kind_(kind), endings_(std::move(endings)) {}

std::string FileNames::address() const { return kind_ + ":" + name_; }

std::string FileNames::lock() const { return name_ + ".lock"; }

std::size_t FileNames::there() const {
    const auto is_there = [](const std::string& file) { return access(file.c_str(), F_OK) == 0; };
    const auto others = std::ranges::count_if(
        endings_, [&](const std::string& ending) { return is_there(name_ + ending); });
    return static_cast<std::size_t>(others) + is_there(lock());
}

void FileNames::remove() {
    remove_all_but_the_lock();
    unlink(lock().c_str());
}

void FileNames::remove_all_but_the_lock() {
    for (const std::string& ending : endings_) unlink((name_ + ending).c_str());
}

void FileNames::make_of_another_program() {
    close(open(lock().c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    make_in_use();
}

void PrintTo(const KindOfNames& kind, std::ostream* out) { *out << kind.name; }

const KindOfNames posix_names{"posix", make<QueueName>, 5};
const KindOfNames fifo_names{"fifo", make<FifoNames>, 15};
const KindOfNames socket_names{"unix_path", make<SocketName>, 15};

std::ptrdiff_t entries_in(const std::string& folder) {
    const std::filesystem::directory_iterator all(folder);
    return std::distance(begin(all), std::filesystem::directory_iterator());
}

}  // namespace umach::transport::test

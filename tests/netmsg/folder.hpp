// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace umach::netmsg::test {

// A folder that goes with the test.
class Folder {
public:
    Folder() : path_((std::filesystem::temp_directory_path() / "umach-keys-XXXXXX").string()) {
        EXPECT_NE(mkdtemp(path_.data()), nullptr);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string at(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace umach::netmsg::test

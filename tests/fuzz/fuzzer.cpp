// SPDX-License-Identifier: BSL-1.0
// A target of clang's libFuzzer: built once for each, with UMACH_FUZZ_TARGET its number. The corpus that the
// tests begin with is written to the folder in UMACH_FUZZ_CORPUS, if it is set.
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/targets.hpp"

namespace {

const umach::fuzz::Target& target() {
    return umach::fuzz::targets()[UMACH_FUZZ_TARGET];
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const char* const folder = std::getenv("UMACH_FUZZ_CORPUS");
    int number = 0;
    for (const auto& bytes : folder != nullptr ? target().corpus() : std::vector<umach::fuzz::Bytes>())
        std::ofstream(std::string(folder) + "/" + target().name + std::to_string(++number), std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    target().feed(std::as_bytes(std::span(data, size)));
    return 0;
}

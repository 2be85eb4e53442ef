// SPDX-License-Identifier: BSL-1.0
// Bytes become pages of lines that fit.
#include <gtest/gtest.h>

#include "../../examples/print_spooler/layout.hpp"

namespace spool {
namespace {

using Pages = std::vector<std::string>;

TEST(Layout, EmptyDocumentIsOneEmptyPage) {
    EXPECT_EQ(lay_out(""), Pages{""});
}

TEST(Layout, LongLineIsBrokenAtTheColumn) {
    const std::string row(columns_of_a_page, 'x');
    EXPECT_EQ(lay_out(row + "y"), Pages{row + "\ny"});
    EXPECT_EQ(lay_out(row), Pages{row});
}

TEST(Layout, LineOfWordsIsBrokenBetweenThem) {
    const std::string word(columns_of_a_page - 10, 'x');
    EXPECT_EQ(lay_out(word + " is too long a line"), Pages{word + " is too\nlong a line"});
    EXPECT_EQ(lay_out("  " + std::string(columns_of_a_page, 'x')),
              Pages{"  " + std::string(columns_of_a_page - 2, 'x') + "\nxx"});
}

TEST(Layout, WideCharactersTakeTwoColumns) {
    std::string row;
    for (int i = 0; i < columns_of_a_page / 2; ++i) {
        row += "\u65e5";
    }
    EXPECT_EQ(lay_out(row + "\u65e5"), Pages{row + "\n\u65e5"});
}

TEST(Layout, PageTakesItsLinesAndTheNextBeginsAnother) {
    const std::string full(lines_of_a_page, '\n');
    EXPECT_EQ(lay_out(full), Pages{full});
    EXPECT_EQ(lay_out(full + "x"), (Pages{full, "x"}));
}

TEST(Layout, FormFeedBeginsAPageAndOneAtTheEndBeginsNone) {
    EXPECT_EQ(lay_out("a\fb"), (Pages{"a", "b"}));
    EXPECT_EQ(lay_out("a\f"), Pages{"a"});
}

TEST(Layout, TabGoesToTheNextStopAndCarriageReturnGoes) {
    EXPECT_EQ(lay_out("a\tb\r\n"), Pages{"a   b\n"});
}

TEST(Layout, WhatIsNoUtf8AndWhatControlsATerminalReadsReplacement) {
    EXPECT_EQ(lay_out("\xfc!"), Pages{"\ufffd!"});
    EXPECT_EQ(lay_out(std::string_view("a\0b", 3)), Pages{"a\ufffdb"});
    EXPECT_EQ(lay_out("\033[1m"), Pages{"\ufffd[1m"});
    EXPECT_EQ(lay_out("\u2028"), Pages{"\ufffd"});
}

}  // namespace
}  // namespace spool

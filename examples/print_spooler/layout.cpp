// SPDX-License-Identifier: BSL-1.0
#include "layout.hpp"

#include <memory>
#include <utility>

#include <glib.h>

namespace spool {
namespace {

constexpr int tab_stop = 4;
constexpr gunichar unprintable = 0xFFFD;

int width_of(gunichar c) {
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

int width_of(const std::string& text) {
    int width = 0;
    for (const char* at = text.c_str(); *at != '\0'; at = g_utf8_next_char(at)) {
        width += width_of(g_utf8_get_char(at));
    }
    return width;
}

bool is_control(gunichar c) {
    return g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029;
}

class Pages {
public:
    Pages() { pages_.emplace_back(); }

    void put(gunichar c) {
        switch (c) {
            case '\n': return end_line();
            case '\f': return end_page();
            case '\r': return;
            case '\t': return tab();
            default: return character(is_control(c) ? unprintable : c);
        }
    }
    std::vector<std::string> take() {
        end_text();
        if (pages_.size() > 1 && pages_.back().empty()) {
            pages_.pop_back();
        }
        return std::move(pages_);
    }

private:
    // A page is begun by the first line on it, so that a document's last newline begins none.
    std::string& page() {
        if (lines_ == lines_of_a_page) {
            pages_.emplace_back();
            lines_ = 0;
        }
        return pages_.back();
    }
    void character(gunichar c) {
        if (column_ + width_of(c) > columns_of_a_page) {
            break_line();
        }
        char utf8[6];
        line_.append(utf8, static_cast<std::size_t>(g_unichar_to_utf8(c, utf8)));
        column_ += width_of(c);
    }
    void tab() {
        do {
            character(' ');
        } while (column_ % tab_stop != 0);
    }
    // At the last space, where there is one: what stands behind it goes on in the next line.
    void break_line() {
        const std::size_t space = line_.find_last_of(' ');
        const bool has_word = space != std::string::npos && line_.find_first_not_of(' ') < space;
        std::string rest = has_word ? line_.substr(space + 1) : std::string();
        line_.erase(has_word ? space : line_.size());
        end_line();
        column_ = width_of(rest);
        line_ = std::move(rest);
    }
    void end_line() {
        page() += line_ + '\n';
        ++lines_;
        line_.clear();
        column_ = 0;
    }
    void end_text() {
        if (!line_.empty()) {
            page() += std::exchange(line_, {});
        }
    }
    void end_page() {
        end_text();
        pages_.emplace_back();
        lines_ = 0;
        column_ = 0;
    }

    std::vector<std::string> pages_;
    std::string line_;
    int lines_ = 0;
    int column_ = 0;
};

}  // namespace

std::vector<std::string> lay_out(std::string_view document) {
    const std::unique_ptr<char, decltype(&g_free)> text(
        g_utf8_make_valid(document.data(), static_cast<gssize>(document.size())), g_free);
    Pages pages;
    for (const char* at = text.get(); *at != '\0'; at = g_utf8_next_char(at)) {
        pages.put(g_utf8_get_char(at));
    }
    return pages.take();
}

}  // namespace spool

// SPDX-License-Identifier: BSL-1.0
// Pdf: pages of text drawn with Cairo and Pango into a PDF document in memory.
//
// In memory, so that a printer that is killed leaves no half-written file.
#pragma once

#include <memory>
#include <string>

#include <cairo.h>

namespace spool {

class Pdf {
public:
    explicit Pdf(const std::string& title);

    /// Draws one page: its text, above it the title, below it `footer`.
    void add_page(const std::string& text, const std::string& footer);
    /// returns: the whole document; what went wrong in Cairo is thrown as std::runtime_error. Ends the Pdf.
    std::string finish();

private:
    void draw(const std::string& text, double x, double y, double points);

    // Cairo writes into `bytes_` until the surface ends, so that one ends first.
    std::string title_;
    std::string bytes_;
    std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface_;
    std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo_;
};

}  // namespace spool

// SPDX-License-Identifier: BSL-1.0
#include "pdf.hpp"

#include <stdexcept>

#include <cairo-pdf.h>
#include <pango/pangocairo.h>

namespace spool {
namespace {

// A4, in points.
constexpr double page_width = 595;
constexpr double page_height = 842;
constexpr double side_margin = 42;
constexpr double top_margin = 54;
constexpr double text_points = 7.7;
constexpr double small_points = 7;

cairo_status_t append(void* bytes, const unsigned char* data, unsigned length) {
    static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
}

// Characters do not keep to whole points: a full line would not fit.
std::unique_ptr<PangoLayout, decltype(&g_object_unref)> new_layout(cairo_t* cairo) {
    PangoLayout* layout = pango_cairo_create_layout(cairo);
    pango_context_set_round_glyph_positions(pango_layout_get_context(layout), FALSE);
    pango_layout_context_changed(layout);
    return {layout, g_object_unref};
}

void throw_if_failed(cairo_status_t status) {
    if (status != CAIRO_STATUS_SUCCESS) {
        throw std::runtime_error(cairo_status_to_string(status));
    }
}

}  // namespace

Pdf::Pdf(const std::string& title)
    : title_(title),
      surface_(cairo_pdf_surface_create_for_stream(append, &bytes_, page_width, page_height),
               cairo_surface_destroy),
      cairo_(cairo_create(surface_.get()), cairo_destroy) {
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_TITLE, title_.c_str());
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_CREATOR, "umach print spooler");
}

void Pdf::add_page(const std::string& text, const std::string& footer) {
    cairo_set_source_rgb(cairo_.get(), 0, 0, 0);
    draw(text, side_margin, top_margin, text_points);
    cairo_set_source_rgb(cairo_.get(), 0.4, 0.4, 0.4);
    draw(title_, side_margin, top_margin / 2, small_points);
    draw(footer, side_margin, page_height - top_margin / 1.5, small_points);
    cairo_show_page(cairo_.get());
}

void Pdf::draw(const std::string& text, double x, double y, double points) {
    const auto layout = new_layout(cairo_.get());
    const std::unique_ptr<PangoFontDescription, decltype(&pango_font_description_free)> font(
        pango_font_description_from_string("Monospace"), pango_font_description_free);
    pango_font_description_set_absolute_size(font.get(), points * PANGO_SCALE);
    pango_layout_set_font_description(layout.get(), font.get());
    pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
    cairo_move_to(cairo_.get(), x, y);
    pango_cairo_show_layout(cairo_.get(), layout.get());
}

std::string Pdf::finish() {
    throw_if_failed(cairo_status(cairo_.get()));
    cairo_surface_finish(surface_.get());
    throw_if_failed(cairo_surface_status(surface_.get()));
    return std::move(bytes_);
}

}  // namespace spool

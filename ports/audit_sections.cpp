// SPDX-License-Identifier: BSL-1.0
// The audit's look at sections: each memory object has a region, of its own or that of the object it stands for; each view
// is with one task, or left to one process, and holds a send right; and each task counts the sections that it made.
#include "ports/audit_look.hpp"
#include "ports/section.hpp"

namespace umach::ports {
namespace {

std::string view_text(std::uint32_t index) { return "view " + std::to_string(index); }

void look_at_list(Look& look, Pair views, TaskRef task, const std::string& of, std::vector<std::uint8_t>& met) {
    const auto valid = [&](std::uint32_t at) { return look.is_index(zone_views, at); };
    look.walk(views, "views", "the list of views of " + of, valid, look.k.view_links(), [&](std::uint32_t at) {
        const ViewRecord& view = look.k.view(at);
        ++met[at];
        if (view.identity.get().life == Life::free || view.task.get() != task)
            look.broken("views", view_text(at) + " is in the list of " + of);
        const PortRef object = view.object;
        const auto section = look.is_live(object) ? section_of_port(look.k, object) : std::nullopt;
        if (!section) return look.broken("views", view_text(at) + " is of no memory object");
        ++look.ports[object.index].sends;
        if (view.first + view.pages > section->pages) look.broken("views", view_text(at) + " is longer than its section");
    });
}

void look_at_object(Look& look, std::uint32_t index) {
    const PortRef object = look.k.ref_of_port(index);
    const auto section = section_of_port(look.k, object);
    if (!section || !look.is_index(zone_regions, section->region.index)) return look.broken("sections", look.port(index) + " has no region");
    const PortRef origin = look.k.port(index).backup;
    if (!origin) {
        const Place here = Place::of(PlaceKind::port, object.index, object.generation);
        return look.met_region(section->region, here, "memory object " + std::to_string(index));
    }
    const auto whole = look.is_live(origin) ? section_of_port(look.k, origin) : std::nullopt;
    if (!whole || whole->region != section->region || (section->protection & ~whole->protection) != 0)
        look.broken("sections", look.port(index) + " is a proxy for something else");
}

}  // namespace

void look_at_sections(Look& look) {
    std::vector<std::uint8_t> met(look.k.zone(zone_views).fresh());
    for (std::uint32_t i = 1; i < look.k.zone(zone_tasks).fresh(); ++i)
        if (look.k.task(i).identity.get().life != Life::free) look_at_list(look, look.k.task(i).views, look.k.ref_of_task(i), look.task(i), met);
    for (std::uint32_t i = 1; i < look.k.zone(zone_processes).fresh(); ++i)
        look_at_list(look, look.k.process(i).views, TaskRef{}, "process " + std::to_string(i), met);
    for (std::uint32_t i = 1; i < met.size(); ++i)
        if (met[i] != (look.k.view(i).identity.get().life != Life::free ? 1 : 0))
            look.broken("views", view_text(i) + " is in " + std::to_string(met[i]) + " lists");
    for (std::uint32_t i = 1; i < look.k.zone(zone_ports).fresh(); ++i) {
        const Identity identity = look.k.port(i).identity;
        if (identity.life == Life::live && static_cast<PortKind>(identity.kind) == PortKind::memory) look_at_object(look, i);
    }
}

}  // namespace umach::ports

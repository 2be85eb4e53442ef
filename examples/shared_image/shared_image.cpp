// SPDX-License-Identifier: BSL-1.0
// A picture that three tasks change one after the other: `shared_image > picture.pgm`. Each is a process of its own that
// waits for the picture, changes it, and passes it on. The picture is memory that moves with the message: it is never
// copied, and whoever has it is the only one who does.
#include <array>
#include <cstdio>

#include <umach/umach.hpp>

namespace {
enum : int { picture = 1, width = 640, height = 480 };
using Change = void (*)(unsigned char& grey, int x, int y);

void slope(unsigned char& grey, int x, int y) { grey = static_cast<unsigned char>((x + y) * 255 / (width + height - 2)); }
void negative(unsigned char& grey, int, int) { grey = static_cast<unsigned char>(255 - grey); }
void frame(unsigned char& grey, int x, int y) {
    if (x < 8 || y < 8 || x >= width - 8 || y >= height - 8) grey = 0;
}

void change(const umach::Region& image, Change one) {
    const auto pixels = image.as<unsigned char>();
    for (int i = 0; i < width * height; ++i) one(pixels[static_cast<std::size_t>(i)], i % width, i / width);
}

/// Says where the picture is to come, learns where it goes next, and passes on the one that it gets.
void station(Change one) {
    const auto own = umach::ReceiveRight::allocate().value();
    umach::MessageWriter here;
    here.make_send(own);
    umach::registered_port(0).value().send(here).value();
    const auto next = own.receive().value().reader().get<umach::SendRight>().value();
    auto image = own.receive().value().reader().get_region().value();
    change(image, one);
    umach::MessageWriter pass_on(picture);
    pass_on.move(std::move(image));
    next.send(pass_on).value();
}

umach::SendRight announced(const umach::ReceiveRight& at) {
    return at.receive().value().reader().get<umach::SendRight>().value();
}

void tell_next(const umach::SendRight& station, umach::PortName next) {
    umach::MessageWriter message;
    message.copy(next);
    station.send(message).value();
}

}  // namespace

int main() {
    const auto home = umach::ReceiveRight::allocate().value();
    umach::register_ports({home}).value();
    std::array<umach::Thread, 3> processes;
    std::array<umach::SendRight, 3> stations;
    for (std::size_t i = 0; const Change one : {slope, negative, frame}) {
        processes[i] = umach::Thread::spawn(umach::Carrier::process, [one] { station(one); }).value();
        stations[i++] = announced(home);
    }
    tell_next(stations[0], stations[1]);
    tell_next(stations[1], stations[2]);
    tell_next(stations[2], home.make_send().value());
    umach::MessageWriter message(picture);
    message.move(umach::Region::allocate(width * height).value());
    stations[0].send(message).value();
    const auto image = home.receive().value().reader().get_region().value();
    std::printf("P5 %d %d 255\n", width, height);
    std::fwrite(image.data(), 1, image.size(), stdout);
}

// SPDX-License-Identifier: BSL-1.0
// The direct call: the fast path from a function of the C API to the handler that a message to a kernel port
// would reach as well. Each argument of the function stands for one parameter of the handler: a value for an
// item in, the address of a result for an item out, and one of the structures below for what C says with two
// arguments.
//
// Every result's memory is looked at before the handler runs; a result that cannot be written changes
// nothing.
#pragma once

#include "tasks/kernel/calls.hpp"
#include "tasks/mach25/face.hpp"

#include <array>
#include <tuple>

namespace umach::tasks {

// A result that is read first: the item in of the pair.
template <class T>
struct Fetched {
    T* from;
};
template <class T>
Fetched(T*) -> Fetched<T>;
// An array of the caller's, of at most `Most` elements.
template <class T, std::size_t Most>
struct Given {
    const T* from;
    unsigned int number;
};
// Bytes of the caller's, any number.
struct Bytes {
    const void* from;
    unsigned int number;
};
// Where an array that is made for the caller is to be told.
template <class T>
struct Made {
    T** array;
    unsigned int* number;
};
template <class T>
Made(T**, unsigned int*) -> Made<T>;

// ---- one argument beside its parameter: looked at, passed to the handler, and given back ---------------

template <class Parameter, class Passed>
class Argument;

template <std::uint32_t Code, class V, class Passed>
class Argument<Scalar<Code, V>, Passed> {
public:
    explicit Argument(Passed value) : item_{static_cast<V>(value)} {}
    kern_return_t look() const { return KERN_SUCCESS; }
    Scalar<Code, V> pass() const { return item_; }
    kern_return_t give() const { return KERN_SUCCESS; }

private:
    Scalar<Code, V> item_;
};

template <std::uint32_t Code, class V, class T>
class Argument<Scalar<Code, V>, Fetched<T>> {
public:
    explicit Argument(Fetched<T> where) : from_(where.from) {}
    kern_return_t look() {
        T value{};
        if (!runtime::copy_in(&value, from_, sizeof value)) return no_such_memory();
        item_.value = static_cast<V>(value);
        return KERN_SUCCESS;
    }
    Scalar<Code, V> pass() const { return item_; }
    kern_return_t give() const { return KERN_SUCCESS; }

private:
    T* from_;
    Scalar<Code, V> item_;
};

template <std::uint32_t Code, class V, class T>
class Argument<Scalar<Code, V>*, T*> {
public:
    explicit Argument(T* where) : result_(where) {}
    kern_return_t look() const { return result_.usable() ? KERN_SUCCESS : no_such_memory(); }
    Scalar<Code, V>* pass() { return &item_; }
    kern_return_t give() const {
        return result_.give(static_cast<T>(item_.value)) == KERN_SUCCESS ? KERN_SUCCESS : no_such_memory();
    }

private:
    Result<T> result_;
    Scalar<Code, V> item_;
};

template <class Element, class T, std::size_t Most>
class Argument<List<Element>, Given<T, Most>> {
public:
    explicit Argument(Given<T, Most> given) : given_(given) {}
    kern_return_t look() {
        if (given_.number > Most) {
            runtime::set_detail("%u elements, of at most %zu", given_.number, Most);
            return KERN_INVALID_ARGUMENT;
        }
        const std::size_t bytes = given_.number * sizeof(T);
        return runtime::copy_in(copy_.data(), given_.from, bytes) ? KERN_SUCCESS : no_such_memory();
    }
    List<Element> pass() const { return {{}, {copy_.data(), given_.number}}; }
    kern_return_t give() const { return KERN_SUCCESS; }

private:
    Given<T, Most> given_;
    std::array<typename Element::Value, Most> copy_{};
};

template <class Element, class T>
class Argument<Array<Element>*, Made<T>> {
public:
    explicit Argument(Made<T> made) : array_(made.array), number_(made.number) {}
    kern_return_t look() const {
        return array_.usable() && number_.usable() ? KERN_SUCCESS : no_such_memory();
    }
    Array<Element>* pass() { return &item_; }
    kern_return_t give() const {
        return give_array(item_.values.data(), item_.values.size(), array_, number_);
    }

private:
    Result<T*> array_;
    Result<unsigned int> number_;
    Array<Element> item_;
};

// Bytes of the caller's, any number: the handler fetches them, with care.
template <>
class Argument<Data, Bytes> {
public:
    explicit Argument(Bytes given) : given_(given) {}
    kern_return_t look() const { return KERN_SUCCESS; }
    Data pass() const { return {{static_cast<const std::byte*>(given_.from), given_.number}}; }
    kern_return_t give() const { return KERN_SUCCESS; }

private:
    Bytes given_;
};

// Memory that is the caller's from now on.
template <>
class Argument<Memory*, Made<std::byte>> {
public:
    explicit Argument(Made<std::byte> made) : address_(made.array), number_(made.number) {}
    kern_return_t look() const { return address_.usable() && number_.usable() ? KERN_SUCCESS : no_such_memory(); }
    Memory* pass() { return &item_; }
    kern_return_t give() const {
        const auto number = static_cast<unsigned int>(item_.values.size());
        const bool given = number_.give(number) == KERN_SUCCESS && address_.give(const_cast<std::byte*>(item_.values.data())) == KERN_SUCCESS;
        return given ? KERN_SUCCESS : no_such_memory();
    }

private:
    Result<std::byte*> address_;
    Result<unsigned int> number_;
    Memory item_;
};

// ---- the call ------------------------------------------------------------------------------------------

template <auto Handler, class... Arguments>
kern_return_t run_direct(ports::Caller& caller, const ports::KernelObject& object, Arguments... arguments) {
    kern_return_t code = KERN_SUCCESS;
    const auto is_well = [&](kern_return_t next) { return (code = next) == KERN_SUCCESS; };
    if (!(is_well(arguments.look()) && ...)) return code;
    if (!is_well(
            Handler(caller, target_from<typename TraitsOf<Handler>::Target>(object), arguments.pass()...)))
        return code;
    static_cast<void>((is_well(arguments.give()) && ...));
    return code;
}

template <auto Handler, class... Parameters, class... Passed>
kern_return_t fit_and_run(std::type_identity<std::tuple<Parameters...>>, ports::Caller& caller,
                          const ports::KernelObject& object, Passed... passed) {
    static_assert(sizeof...(Parameters) == sizeof...(Passed));
    return run_direct<Handler>(caller, object, Argument<Parameters, Passed>(passed)...);
}

// Runs the handler on what the name stands for, as a call of the program's.
template <auto Handler, class... Passed>
kern_return_t direct(port_t name, Passed... passed) {
    using Traits = TraitsOf<Handler>;
    return on_object(name, kind_of_target<typename Traits::Target>(), [&](const Trap& trap, const ports::KernelObject& object) {
        return fit_and_run<Handler>(std::type_identity<typename Traits::Parameters>{}, trap.caller(), object, passed...);
    });
}

// The same for what destructors call.
template <auto Handler, class... Passed>
kern_return_t direct_held(port_t name, Passed... passed) {
    const Held held;
    return direct<Handler>(name, passed...);
}

}  // namespace umach::tasks

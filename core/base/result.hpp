// Operating errors as values.
//
// A function that can fail for reasons outside the core's control returns Result<T> (or Status, when there is nothing
// to give). The error carries everything an adapter needs to answer with: the code that goes over the wire, the HTTP
// status, whose fault it was, and a text that tells a person what to do.
//
//     Result<Task> found = find_task(id);
//     if (!found) return respond(found.error());
//     use(found.value());
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "core/base/assert.hpp"

namespace agentcom {

// Whose fault an error is. A client's error is answered and counted against the client; a hub's error is logged and
// raises an alert.
enum class Blame : unsigned char { client, hub };

struct Error {
    std::string code;       // goes over the wire, e.g. "not_found"
    int http_status = 500;  // the status of the answer, when there is one
    Blame blame = Blame::hub;
    std::string text;  // for people: what to do about it

    bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result {
  public:
    explicit Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    explicit Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    // Asserts ok().
    T& value() & {
        AGENTCOM_ASSERT(ok(), "a result was read that holds an error");
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        AGENTCOM_ASSERT(ok(), "a result was read that holds an error");
        return *std::get_if<0>(&state_);
    }
    T&& value() && { return std::move(value()); }

    // Asserts !ok().
    const Error& error() const {
        AGENTCOM_ASSERT(!ok(), "an error was read from a result that holds a value");
        return *std::get_if<1>(&state_);
    }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    // Success.
    Result() = default;
    explicit Result(Error error) : failed_(true), error_(std::move(error)) {}

    bool ok() const noexcept { return !failed_; }
    explicit operator bool() const noexcept { return ok(); }

    // Asserts !ok().
    const Error& error() const {
        AGENTCOM_ASSERT(failed_, "an error was read from a result that holds none");
        return error_;
    }

  private:
    bool failed_ = false;
    Error error_;
};

using Status = Result<void>;

}  // namespace agentcom

// What the command line says and returns when something does not work.
//
// A Failure has the three parts that a person needs: what could not be done, why, and what to do next. Functions that
// can fail give an Outcome<T>; nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/assert.hpp"

namespace agentcom::cli {

// The exit codes are a contract with scripts.
enum class ExitCode : int {
    ok = 0,
    failed = 1,  // the task failed, or anything else that has no code of its own
    usage = 2,
    not_found = 3,
    conflict = 4,
    auth = 5,
    timeout = 6,
    unavailable = 7,  // no hub there, or it cannot serve now
};

// The name of a code in --json output: "not_found", ...
std::string_view exit_code_name(ExitCode code);

struct Failure {
    ExitCode code = ExitCode::failed;
    std::string what;
    std::string why;
    std::string next;
    // The hub's answer as JSON, when there was one.
    std::string hub_body_raw;
};

// "agentcom: what: why\n  next\n"
std::string failure_text(const Failure& failure);
// {"schema_version":1,"error":{"code":…,"exit_code":…,"message":…,"hint":…,"hub":…}} and a line end: what --json prints
// on standard output in place of an answer. `message` is what and why; `hub` is the hub's own answer, if there was one.
std::string failure_json(const Failure& failure);

template <class T>
class [[nodiscard]] Outcome {
  public:
    Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }

    T& operator*() & { return value(); }
    T&& operator*() && { return std::move(value()); }
    T* operator->() { return &value(); }
    const Failure& failure() const {
        AGENTCOM_ASSERT(state_.index() == 1, "a failure was read from an outcome that holds a value");
        return *std::get_if<1>(&state_);
    }

  private:
    T& value() {
        AGENTCOM_ASSERT(state_.index() == 0, "an outcome was read that holds a failure");
        return *std::get_if<0>(&state_);
    }

    std::variant<T, Failure> state_;
};

// Nothing on success.
using Trouble = std::optional<Failure>;

}  // namespace agentcom::cli

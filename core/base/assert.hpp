// Broken invariants.
//
// An operating error (bad input, a missing row, a full queue) is a value: see result.hpp. What can only happen when
// the core itself is wrong is an assertion. Assertions stay on in release builds: a hub that goes on with a broken
// invariant would acknowledge work it then loses.
//
//     AGENTCOM_ASSERT(lease.generation > 0, "a lease always carries a generation");
//
// A failed assertion throws CoreFault. Hub::apply alone catches it, undoes the turn and reports the input that led to
// it; nothing else in the core may catch it.
#pragma once

#include <exception>

namespace agentcom {

class CoreFault : public std::exception {
  public:
    // Both texts must be literals: the fault keeps the pointers.
    CoreFault(const char* text, const char* file, int line) noexcept : text_(text), file_(file), line_(line) {}

    // What was expected to hold.
    const char* what() const noexcept override { return text_; }
    const char* file() const noexcept { return file_; }
    int line() const noexcept { return line_; }

  private:
    const char* text_;
    const char* file_;
    int line_;
};

}  // namespace agentcom

#define AGENTCOM_ASSERT(condition, text)                             \
    do {                                                             \
        if (!(condition)) [[unlikely]] {                             \
            throw ::agentcom::CoreFault((text), __FILE__, __LINE__); \
        }                                                            \
    } while (false)

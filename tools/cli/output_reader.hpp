// Makes sense of what a task's command prints on standard output, by its preset: what of it people see live, which part
// is the result, what it has used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/cli/preset.hpp"
#include "tools/cli/task_report.hpp"
#include "tools/cli/utf8_stream.hpp"

namespace agentcom::cli {

class OutputReader {
  public:
    // A line longer than this is passed over; agents print whole files in one.
    static constexpr size_t kMaxLineBytes = size_t{8} * 1024 * 1024;

    // The preset must outlive the reader.
    explicit OutputReader(const Preset& preset) : preset_(preset) {}

    // What is to be shown of these bytes.
    std::string feed(std::string_view bytes);
    std::string finish();

    // Whether the command has said that it wants no more input.
    bool wants_input_closed() const { return input_closed_; }

    // Puts what was found into a result that the process alone has made.
    void complete(CommandResult& result) const;

  private:
    std::string read_line(std::string_view line);
    void read_usage(const json::Object& line);

    const Preset& preset_;
    Utf8Stream text_;
    std::string line_;
    bool line_too_long_ = false;
    bool input_closed_ = false;
    std::optional<std::string> result_;
    std::string error_;
    TaskUsage usage_;
};

}  // namespace agentcom::cli

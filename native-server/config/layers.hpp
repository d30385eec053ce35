// Values by name from several places, of which the strongest counts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace agentcom {

/// Where a value comes from; a later one beats an earlier one.
enum class Source : uint8_t { default_value, profile, file, environment, command_line };
std::string_view to_text(Source);

class Layers {
  public:
    struct Value {
        std::string text;
        Source source = Source::default_value;
        std::string origin;  ///< for people: "--set", "AGENTCOM_LISTEN", "hub.toml"
    };

    /// Among values of the same source the last one counts.
    void put(std::string_view name, std::string text, Source source, std::string origin);
    /// nullptr when nobody said anything.
    const Value* find(std::string_view name) const;
    const std::map<std::string, Value, std::less<>>& all() const { return values_; }

  private:
    std::map<std::string, Value, std::less<>> values_;
};

}  // namespace agentcom

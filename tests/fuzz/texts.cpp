// Small texts that are read back from clients or from the store: ranges of unread mail, message ids, levels, alert
// thresholds, values of settings.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/state/config.hpp"
#include "core/state/settings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace agentcom;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::vector<mailbox::Range> ranges = mailbox::parse_ranges(text);
    if (mailbox::parse_ranges(mailbox::format_ranges(ranges)) != ranges) std::abort();

    Severity severity{};
    if (from_text(text, severity) && to_text(severity) != text) std::abort();

    const size_t equals = std::min(text.find('='), text.size());
    Settings settings;
    static_cast<void>(set_setting(settings, text.substr(0, equals), text.substr(std::min(equals + 1, text.size()))));
    static_cast<void>(check_settings(settings));

    if (json::validate(text) && json::parse_value(text).kind == json::Kind::object) {
        config::AlertThresholds thresholds;
        const json::Object members = json::members(text, json::Duplicates::last_wins);
        if (config::merge(thresholds, members).empty()) {
            const std::string written = config::to_json(thresholds);
            config::AlertThresholds again;
            if (!config::merge(again, json::members(written)).empty() || again != thresholds) std::abort();
        }
    }
    return 0;
}

#include "native-server/store/damage.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "native-server/server/files.hpp"

namespace agentcom {

namespace {

namespace fs = std::filesystem;

std::string text_member_of(const json::Object& members, std::string_view name) {
    const json::Value* value = members.find(name);
    return value == nullptr || value->kind != json::Kind::string ? std::string() : json::decode_string(*value);
}

}  // namespace

bool is_damage(const Error& error) {
    static constexpr std::array<std::string_view, 5> kCodes = {"corrupt_row", "corrupt_database", "lost_rows",
                                                               "lost_wal", "not_a_hub_database"};
    if (std::find(kCodes.begin(), kCodes.end(), error.code) != kCodes.end()) return true;
    if (error.code != "store_unavailable") return false;
    // What SQLite says of pages that make no sense, and of those that the disk does not give (SQLITE_IOERR_READ).
    static constexpr std::array<std::string_view, 4> kTexts = {"malformed", "not a database", "(SQLite code 266)",
                                                               "(SQLite code 522)"};
    return std::any_of(kTexts.begin(), kTexts.end(),
                       [&](std::string_view text) { return error.text.find(text) != std::string::npos; });
}

DamageRecord read_damage(const std::string& data_directory) {
    const std::string quarantine = data_directory + "/quarantine";
    std::vector<std::string> places;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(quarantine, ignored)) {
        places.push_back(entry.path().string());
    }
    std::sort(places.begin(), places.end());
    DamageRecord record;
    for (const std::string& place : places) {
        const std::optional<std::string> text = read_file(place + "/salvage.json");
        const std::optional<json::Document> document =
            text ? json::Document::parse(*text, json::Duplicates::first_wins) : std::nullopt;
        if (!document || !document->is_object()) continue;
        const json::Object& members = document->object();
        if (const json::Value* lost = members.find("lost_rows")) {
            record.lost_rows += std::max<int64_t>(0, json::to_int64(*lost).value_or(0));
        }
        if (!record.text.empty()) record.text += ". ";
        record.text += text_member_of(members, "damage") + ". The damaged files are in " + place + ". " +
                       text_member_of(members, "summary");
    }
    return record;
}

}  // namespace agentcom

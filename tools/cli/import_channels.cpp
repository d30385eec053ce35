// Channels with their members; what was said in them comes with the messages.
#include <algorithm>

#include "tools/cli/import_hubs.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

Trouble import_channel(Import& import, const std::string& name) {
    Outcome<std::string> answer = import.old_hub->get("/api/channels/" + percent_encode(name));
    if (!answer) {
        if (answer.failure().code != ExitCode::not_found) return answer.failure();
        // v1.1 makes channels without a name, which nobody can reach.
        import.report.skip(ImportPart::channels, name, "the old hub does not find it");
        return std::nullopt;
    }
    const json::Object channel = members_of(*answer);
    json::Writer item;
    item.begin_object().member("kind", "channel").member("key", name);
    for (const char* member : {"created_at", "created_by", "description"}) {
        item.raw_member(member, raw_of(channel, member));
    }
    item.end_object();
    if (Trouble trouble = import.sender.add(ImportPart::channels, name, item.text())) return trouble;
    std::vector<std::string> members;
    for (const json::Value& member : elements_of(channel, "subscribers")) {
        if (member.kind == json::Kind::string) members.push_back(json::decode_string(member));
    }
    // The newest comes first there; joining in the old order keeps it.
    std::reverse(members.begin(), members.end());
    for (const std::string& member : members) {
        json::Writer membership;
        membership.begin_object().member("kind", "membership").member("key", name + " " + member);
        membership.member("channel", name).member("agent_id", member).end_object();
        if (Trouble trouble = import.sender.add(ImportPart::channels, name, membership.text())) return trouble;
    }
    return std::nullopt;
}

}  // namespace

Trouble import_channels(Import& import) {
    Outcome<std::string> answer = import.old_hub->get("/api/channels");
    if (!answer) return answer.failure();
    std::vector<std::string> names;
    for (const json::Value& channel : elements_of(members_of(*answer), "channels")) {
        names.push_back(text_of(members_of(channel.raw), "name"));
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        if (Trouble trouble = import_channel(import, name)) return trouble;
    }
    return import.sender.flush();
}

}  // namespace agentcom::cli

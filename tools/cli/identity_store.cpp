#include "tools/cli/identity_store.hpp"

#include "core/base/json.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

std::optional<Identity> parse_identity(std::string text) {
    const std::optional<json::Document> document = json::Document::parse(std::move(text), json::Duplicates::last_wins);
    if (!document || !document->is_object()) return std::nullopt;
    const json::Value* agent_id = document->object().find("agent_id");
    const json::Value* token = document->object().find("token");
    const bool complete = agent_id != nullptr && agent_id->kind == json::Kind::string && token != nullptr &&
                          token->kind == json::Kind::string;
    if (!complete) return std::nullopt;
    return Identity{json::decode_string(*agent_id), json::decode_string(*token)};
}

}  // namespace

std::filesystem::path IdentityStore::path(const HubUrl& hub, std::string_view agent_id) const {
    return root_ / file_name_for(hub.key()) / (file_name_for(agent_id) + ".json");
}

Trouble IdentityStore::save(const HubUrl& hub, const Identity& identity) const {
    const std::filesystem::path file = path(hub, identity.agent_id);
    if (Trouble trouble = make_private_directory(file.parent_path())) return trouble;
    json::Writer out;
    out.begin_object().member("format", 1).member("hub", hub.key());
    out.member("agent_id", identity.agent_id).member("token", identity.token).end_object();
    return write_private_file(file, out.take() + "\n");
}

std::optional<Identity> IdentityStore::find(const HubUrl& hub, std::string_view agent_id) const {
    std::optional<std::string> text = read_file(path(hub, agent_id));
    return text ? parse_identity(std::move(*text)) : std::nullopt;
}

std::vector<Identity> IdentityStore::list(const HubUrl& hub) const {
    std::vector<Identity> identities;
    const std::filesystem::path directory = root_ / file_name_for(hub.key());
    for (const std::string& name : file_names(directory)) {
        if (!name.ends_with(".json")) continue;
        std::optional<std::string> text = read_file(directory / name);
        if (!text) continue;
        if (std::optional<Identity> identity = parse_identity(std::move(*text))) identities.push_back(*identity);
    }
    return identities;
}

}  // namespace agentcom::cli

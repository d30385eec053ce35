#include "native-server/server/fault_guard.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "agentcom_version.hpp"
#include "core/base/json.hpp"
#include "core/base/sha256.hpp"
#include "core/base/time.hpp"
#include "native-server/server/files.hpp"

namespace agentcom {

namespace {

constexpr std::string_view kFormat = "agentcom-fault-1";
constexpr size_t kMaxFiles = 100;
constexpr size_t kKindsToGiveUp = 3;
constexpr int64_t kWindowUs = kUsPerMinute;

std::string place_of(const Fault& fault) { return fault.file + ":" + std::to_string(fault.line); }

std::string header_line(const Input& input, const Fault& fault, const Settings& settings, const std::string& refuse,
                        size_t state_bytes, size_t input_bytes) {
    json::Writer out;
    out.begin_object()
        .member("format", kFormat)
        .member("hub_version", kVersion)
        .member("saved_at", input.at.wall_ms)
        .member("text", fault.text)
        .member("file", fault.file)
        .member("line", fault.line)
        .member("input", input_name(input.body))
        .member("refuse", refuse)
        .member("planted_fault", settings.planted_fault)
        .member("public_url", settings.public_url)
        .member("push_contact", settings.push_contact)
        .raw_member("push_hosts", json::encode_strings(settings.push_hosts))
        .raw_member("admin_agents", json::encode_strings(settings.admin_agents));
    out.key("settings").begin_object();
    for (const SettingInfo& info : setting_infos()) out.member(info.name, settings.*info.member);
    out.end_object();
    out.member("state_bytes", state_bytes).member("input_bytes", input_bytes).end_object();
    return out.take() + "\n";
}

std::string text_member(const json::Object& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value != nullptr && value->kind == json::Kind::string ? json::decode_string(*value) : std::string{};
}

int64_t number_member(const json::Object& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value != nullptr ? json::to_int64(*value).value_or(0) : 0;
}

std::vector<std::filesystem::path> fault_files(const std::string& directory) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        if (entry.path().extension() == ".fault") files.push_back(entry.path());
    }
    // Names begin with the time, so the oldest come first.
    std::sort(files.begin(), files.end());
    return files;
}

std::optional<json::Document> read_header(const std::string& content) {
    return json::Document::parse(content.substr(0, content.find('\n')), json::Duplicates::first_wins);
}

}  // namespace

std::optional<std::string> refusal_hash(const InputBody& input) {
    if (const auto* frame = std::get_if<FrameReceived>(&input)) {
        if (frame->text.empty()) return std::nullopt;
        return sha256_hex("frame\n" + frame->text);
    }
    if (const auto* request = std::get_if<HttpRequest>(&input)) {
        std::string text = "request\n";
        text.append(method_name(request->method)).append("\n");
        text.append(request->path).append("\n").append(request->query).append("\n").append(request->body);
        return sha256_hex(text);
    }
    return std::nullopt;
}

FaultGuard::FaultGuard(std::string data_directory, const Settings& settings)
    : directory_(std::move(data_directory) + "/faults"), settings_(settings) {
    read_files();
}

void FaultGuard::read_files() {
    for (const std::filesystem::path& path : fault_files(directory_)) {
        const std::optional<std::string> content = read_file(path.string());
        if (!content) continue;
        const std::optional<json::Document> header = read_header(*content);
        if (!header || !header->is_object()) continue;
        std::string hash = text_member(header->object(), "refuse");
        if (!hash.empty()) refused_.insert(std::move(hash));
    }
}

bool FaultGuard::refuses(const InputBody& input) const {
    if (refused_.empty()) return false;
    const std::optional<std::string> hash = refusal_hash(input);
    return hash && refused_.contains(*hash);
}

bool FaultGuard::too_many_kinds(const std::string& place, int64_t mono_us) {
    recent_.emplace_back(mono_us, place);
    while (recent_.front().first < mono_us - kWindowUs) recent_.pop_front();
    std::set<std::string_view> places;
    for (const auto& [at, recent_place] : recent_) places.insert(recent_place);
    return places.size() >= kKindsToGiveUp;
}

void FaultGuard::remove_oldest_files() const {
    const std::vector<std::filesystem::path> files = fault_files(directory_);
    std::error_code ignored;
    for (size_t i = 0; i + kMaxFiles < files.size(); ++i) std::filesystem::remove(files[i], ignored);
}

FaultGuard::Outcome FaultGuard::take(const Input& input, const Fault& fault,
                                     const std::function<std::string()>& state) {
    Outcome outcome;
    const std::string refuse = refusal_hash(input.body).value_or("");
    if (!refuse.empty()) refused_.insert(refuse);
    const std::string place = place_of(fault);
    outcome.give_up = too_many_kinds(place, input.at.mono_us);

    const auto saved = state_saved_us_.find(place);
    const bool with_state = saved == state_saved_us_.end() || input.at.mono_us - saved->second >= kWindowUs;
    if (with_state) state_saved_us_[place] = input.at.mono_us;
    const std::string state_bytes = with_state ? state() : std::string{};
    const std::string input_bytes = encode_input(input);
    const std::string header = header_line(input, fault, settings_, refuse, state_bytes.size(), input_bytes.size());

    ::mkdir(directory_.c_str(), 0700);
    const std::string key = refuse.empty() ? sha256_hex(input_bytes) : refuse;
    const std::string path = directory_ + "/" + std::to_string(input.at.wall_ms) + "-" + key.substr(0, 16) + ".fault";
    const Status written = write_private_file(path, header + state_bytes + input_bytes);
    if (written) {
        outcome.saved_as = path;
        remove_oldest_files();
    } else {
        outcome.error = written.error().text;
    }
    return outcome;
}

ReplayOutcome replay_fault(const std::string& path) {
    ReplayOutcome outcome;
    const std::optional<std::string> content = read_file(path);
    if (!content) return outcome.text = "cannot read " + path, outcome;
    const std::optional<json::Document> header = read_header(*content);
    if (!header || !header->is_object() || text_member(header->object(), "format") != kFormat) {
        return outcome.text = path + " is no fault file of this version", outcome;
    }
    const json::Object& object = header->object();
    const auto state_bytes = static_cast<size_t>(std::max<int64_t>(0, number_member(object, "state_bytes")));
    const auto input_bytes = static_cast<size_t>(std::max<int64_t>(0, number_member(object, "input_bytes")));
    const size_t begin = content->find('\n') + 1;
    if (content->size() - begin != state_bytes + input_bytes) return outcome.text = path + " is cut short", outcome;
    if (state_bytes == 0) {
        return outcome.text = path + " holds no state; an older file of the same fault does", outcome;
    }

    Settings settings;
    if (const json::Value* numbers = object.find("settings"); numbers != nullptr) {
        const json::Object members = json::members(numbers->raw);
        for (const SettingInfo& info : setting_infos()) {
            if (const json::Value* number = members.find(info.name)) {
                settings.*info.member = json::to_int64(*number).value_or(settings.*info.member);
            }
        }
    }
    settings.planted_fault = text_member(object, "planted_fault");
    settings.public_url = text_member(object, "public_url");
    settings.push_contact = text_member(object, "push_contact");
    const auto read_list = [&object](std::string_view name, std::vector<std::string>& list) {
        const json::Value* values = object.find(name);
        if (values == nullptr) return;
        for (const json::Value& value : json::elements(values->raw)) list.push_back(json::decode_string(value));
    };
    read_list("admin_agents", settings.admin_agents);
    read_list("push_hosts", settings.push_hosts);

    const std::string_view bytes = std::string_view(*content).substr(begin);
    Result<Hub> hub = Hub::load(bytes.substr(0, state_bytes), settings);
    if (!hub) return outcome.text = "the state does not load: " + hub.error().text, outcome;
    const std::optional<Input> input = decode_input(bytes.substr(state_bytes));
    if (!input) return outcome.text = "the input does not decode", outcome;
    outcome.loaded = true;
    const std::optional<Fault> fault = hub.value().apply(*input);
    outcome.repeated = fault.has_value();
    outcome.text = fault
                       ? "fault repeated: " + fault->text + " (" + place_of(*fault) + ")"
                       : "no fault: this version of the hub takes the input (" + std::string(input_name(input->body)) +
                             ") that one failed at: " + text_member(object, "text");
    return outcome;
}

}  // namespace agentcom

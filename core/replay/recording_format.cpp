#include "core/replay/recording_format.hpp"

#include <array>

#include "core/base/bytes.hpp"
#include "core/base/json.hpp"
#include "core/replay/crc32.hpp"

namespace agentcom::replay {

namespace {

Error damaged(std::string text) { return Error{"damaged_recording", 422, Blame::client, std::move(text)}; }

std::string hex32(uint32_t value) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (unsigned shift = 32; shift > 0; shift -= 4) text.push_back(kDigits[(value >> (shift - 4)) & 0xfU]);
    return text;
}

void put32(std::string& out, uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<char>(value >> (8U * i)));
}

uint32_t get32(std::string_view bytes) {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8U * i);
    return value;
}

std::string text_member(const json::Object& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value != nullptr && value->kind == json::Kind::string ? json::decode_string(*value) : std::string{};
}

int64_t number_member(const json::Object& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value != nullptr ? json::to_int64(*value).value_or(0) : 0;
}

void write_settings(json::Writer& out, const Settings& settings) {
    out.member("planted_fault", settings.planted_fault)
        .member("public_url", settings.public_url)
        .member("push_contact", settings.push_contact)
        .raw_member("push_hosts", json::encode_strings(settings.push_hosts))
        .raw_member("admin_agents", json::encode_strings(settings.admin_agents));
    out.key("settings").begin_object();
    for (const SettingInfo& info : setting_infos()) out.member(info.name, settings.*info.member);
    out.end_object();
}

void read_names(const json::Object& object, std::string_view name, std::vector<std::string>& names) {
    const json::Value* listed = object.find(name);
    if (listed == nullptr || listed->kind != json::Kind::array) return;
    const std::vector<json::Value> elements = json::elements(listed->raw);
    for (const json::Value& each : elements) {
        if (each.kind == json::Kind::string) names.push_back(json::decode_string(each));
    }
}

/// A setting that is not named keeps its default: an older recording does not know it.
Settings read_settings(const json::Object& object) {
    Settings settings;
    if (const json::Value* numbers = object.find("settings");
        numbers != nullptr && numbers->kind == json::Kind::object) {
        const json::Object members = json::members(numbers->raw);
        for (const SettingInfo& info : setting_infos()) {
            if (const json::Value* number = members.find(info.name)) {
                settings.*info.member = json::to_int64(*number).value_or(settings.*info.member);
            }
        }
    }
    settings.planted_fault = text_member(object, "planted_fault");
    settings.public_url = text_member(object, "public_url");
    if (object.find("push_contact") != nullptr) settings.push_contact = text_member(object, "push_contact");
    read_names(object, "push_hosts", settings.push_hosts);
    read_names(object, "admin_agents", settings.admin_agents);
    return settings;
}

}  // namespace

std::string encode_head(const SegmentHead& head) {
    json::Writer out;
    out.begin_object()
        .member("hub_version", head.hub_version)
        .member("run", head.run)
        .member("segment", head.segment)
        .member("first_input", head.first_input)
        .member("turn", head.turn)
        .member("wall_ms", head.last.wall_ms)
        .member("mono_us", head.last.mono_us)
        .member("stripped", head.stripped);
    write_settings(out, head.settings);
    out.end_object();
    const std::string line = out.take();
    return std::string(kSegmentMagic) + hex32(crc32(line)) + "\n" + line + "\n";
}

Result<ReadHead> read_head(std::string_view bytes) {
    if (!bytes.starts_with(kSegmentMagic)) {
        return Result<ReadHead>(
            Error{"no_recording", 422, Blame::client, "it does not begin as a recording of format 1 does"});
    }
    constexpr size_t kCrcDigits = 8;
    const size_t line_at = kSegmentMagic.size() + kCrcDigits + 1;
    const size_t end = bytes.substr(0, kMaxHeadBytes).find('\n', line_at);
    if (end == std::string_view::npos || bytes[line_at - 1] != '\n') {
        return Result<ReadHead>(damaged("the head of a segment is cut short"));
    }
    const std::string_view line = bytes.substr(line_at, end - line_at);
    if (bytes.substr(kSegmentMagic.size(), kCrcDigits) != hex32(crc32(line))) {
        return Result<ReadHead>(damaged("the head of a segment does not match its checksum"));
    }
    const std::optional<json::Document> document =
        json::Document::parse(std::string(line), json::Duplicates::first_wins);
    if (!document || !document->is_object())
        return Result<ReadHead>(damaged("the head of a segment is no JSON object"));
    const json::Object& object = document->object();
    ReadHead read;
    read.bytes = end + 1;
    read.head.hub_version = text_member(object, "hub_version");
    read.head.run = text_member(object, "run");
    read.head.segment = number_member(object, "segment");
    read.head.first_input = number_member(object, "first_input");
    read.head.turn = number_member(object, "turn");
    read.head.last = Time{number_member(object, "wall_ms"), number_member(object, "mono_us")};
    const json::Value* stripped = object.find("stripped");
    read.head.stripped = stripped != nullptr && stripped->raw == "true";
    read.head.settings = read_settings(object);
    return Result<ReadHead>(std::move(read));
}

namespace {

// The CRC is of the header up to it and of what follows the header.
constexpr size_t kCrcAt = kBlockHeaderBytes - 4;

uint32_t block_crc(std::string_view header, std::string_view gzip) {
    return crc32(gzip, crc32(header.substr(0, kCrcAt)));
}

}  // namespace

std::string encode_block_header(BlockHeader header, std::string_view gzip) {
    header.gzip_bytes = static_cast<uint32_t>(gzip.size());
    std::string out(kBlockMagic);
    put32(out, static_cast<uint32_t>(header.kind));
    put32(out, header.gzip_bytes);
    put32(out, header.raw_bytes);
    put32(out, header.inputs);
    ByteWriter rest;
    rest.i64(header.first_input);
    rest.i64(header.first_ms);
    rest.i64(header.last_ms);
    rest.u64(header.digest.lo);
    rest.u64(header.digest.hi);
    out.append(rest.bytes());
    AGENTCOM_ASSERT(out.size() == kCrcAt, "a block's header has its length");
    put32(out, block_crc(out, gzip));
    return out;
}

std::optional<BlockHeader> peek_block(std::string_view bytes) {
    if (bytes.size() < kBlockHeaderBytes || !bytes.starts_with(kBlockMagic)) return std::nullopt;
    BlockHeader header;
    const uint32_t kind = get32(bytes.substr(4));
    header.gzip_bytes = get32(bytes.substr(8));
    header.raw_bytes = get32(bytes.substr(12));
    header.inputs = get32(bytes.substr(16));
    ByteReader rest(bytes.substr(20, kCrcAt - 20));
    header.first_input = rest.i64();
    header.first_ms = rest.i64();
    header.last_ms = rest.i64();
    header.digest.lo = rest.u64();
    header.digest.hi = rest.u64();
    if (kind < static_cast<uint32_t>(BlockKind::rows) || kind > static_cast<uint32_t>(BlockKind::end) ||
        header.raw_bytes > kMaxBlockBytes) {
        return std::nullopt;
    }
    header.kind = static_cast<BlockKind>(kind);
    return header;
}

std::optional<BlockHeader> read_block(std::string_view bytes) {
    const std::optional<BlockHeader> header = peek_block(bytes);
    if (!header || bytes.size() - kBlockHeaderBytes < header->gzip_bytes) return std::nullopt;
    const std::string_view gzip = bytes.substr(kBlockHeaderBytes, header->gzip_bytes);
    if (get32(bytes.substr(kCrcAt)) != block_crc(bytes.substr(0, kBlockHeaderBytes), gzip)) return std::nullopt;
    return header;
}

}  // namespace agentcom::replay

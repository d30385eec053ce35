#include "core/hub/input.hpp"

#include <tuple>

#include "core/base/bytes.hpp"

namespace agentcom {

namespace {

// Each input lists its fields once; writing and reading are the two visitors below. The number of a type is its place
// in InputBody, so new inputs are added at the end.

template <class V>
void fields(Started& input, V&& visit) {
    visit(input.seed, input.epoch, input.last_turn, input.admin_token_sha256, input.admin_token_prefix, input.log_level,
          input.restored_from, input.lost_messages, input.revoked_tokens);
}
template <class V>
void fields(ConnectionOpened& input, V&& visit) {
    visit(input.connection, input.peer, input.loopback);
}
template <class V>
void fields(FrameReceived& input, V&& visit) {
    visit(input.connection, input.malformed, input.text, input.credential);
}
template <class V>
void fields(ControlReceived& input, V&& visit) {
    visit(input.connection);
}
template <class V>
void fields(MailPushed& input, V&& visit) {
    visit(input.connection, input.up_to_seq);
}
template <class V>
void fields(ConnectionClosed& input, V&& visit) {
    visit(input.connection);
}
template <class V>
void fields(HttpRequest& input, V&& visit) {
    visit(input.request, input.name, input.method, input.path, input.query, input.host, input.content_type,
          input.has_content_type, input.malformed_body, input.body, input.accept, input.last_event_id,
          input.idempotency_key, input.authorization, input.flex_authorization, input.has_bearer, input.query_token,
          input.body_token, input.invite, input.peer, input.loopback, input.tls, input.secret.sha256,
          input.secret.prefix);
}
template <class V>
void fields(RequestCancelled& input, V&& visit) {
    visit(input.request);
}
template <class V>
void fields(Tick&, V&& visit) {
    visit();
}
template <class V>
void fields(Committed& input, V&& visit) {
    visit(input.turn);
}
template <class V>
void fields(CommitFailed& input, V&& visit) {
    visit(input.first_turn);
}
template <class V>
void fields(StorageRecovered&, V&& visit) {
    visit();
}
template <class V>
void fields(QueryResult& input, V&& visit) {
    visit(input.query, input.ok, input.rows);
}
template <class V>
void fields(ClockJumped& input, V&& visit) {
    visit(input.delta_ms);
}
template <class V>
void fields(Shutdown&, V&& visit) {
    visit();
}
template <class V>
void fields(BodyTaken& input, V&& visit) {
    visit(input.request);
}

template <class V>
void fields(StorageJobDone& input, V&& visit) {
    visit(input.job, input.ok, input.result, input.error);
}
template <class V>
void fields(StorageFigures& input, V&& visit) {
    visit(input.database_bytes, input.free_bytes, input.disk_free_bytes, input.lost_rows, input.damage, input.backups);
}

void write(ByteWriter& out, int64_t value) { out.i64(value); }
void write(ByteWriter& out, bool value) { out.u8(value ? 1 : 0); }
void write(ByteWriter& out, const std::string& value) { out.text(value); }
void write(ByteWriter& out, Method value) { out.u8(static_cast<uint8_t>(value)); }
void write(ByteWriter& out, const Credential& value) {
    out.u8(static_cast<uint8_t>(value.kind));
    out.text(value.sha256_hex);
}
void write(ByteWriter& out, const std::vector<QueryRow>& rows) {
    out.u64(rows.size());
    for (const QueryRow& row : rows) {
        out.u8(static_cast<uint8_t>(row.table));
        out.u64(row.values.size());
        for (const ColumnValue& value : row.values) {
            out.u8(static_cast<uint8_t>(value.type));
            out.i64(value.integer);
            out.text(value.text);
        }
    }
}

/// An enum whose values are 0 to `last`; anything else fails.
template <class E>
bool read_enum(ByteReader& in, E& value, E last) {
    const uint8_t number = in.u8();
    if (number > static_cast<uint8_t>(last)) return false;
    value = static_cast<E>(number);
    return true;
}

bool read(ByteReader& in, int64_t& value) {
    value = in.i64();
    return true;
}
bool read(ByteReader& in, bool& value) {
    const uint8_t byte = in.u8();
    value = byte == 1;
    return byte <= 1;
}
bool read(ByteReader& in, std::string& value) {
    value = in.text();
    return true;
}
bool read(ByteReader& in, Method& value) { return read_enum(in, value, Method::other); }
bool read(ByteReader& in, Credential& value) {
    if (!read_enum(in, value.kind, Credential::Kind::malformed)) return false;
    value.sha256_hex = in.text();
    return true;
}
bool read(ByteReader& in, std::vector<QueryRow>& rows) {
    const uint64_t count = in.count();
    for (uint64_t i = 0; i < count && !in.failed(); ++i) {
        QueryRow& row = rows.emplace_back();
        row.table = static_cast<TableId>(in.u8());
        const uint64_t values = in.count();
        for (uint64_t k = 0; k < values && !in.failed(); ++k) {
            ColumnValue& value = row.values.emplace_back();
            if (!read_enum(in, value.type, ColumnValue::Type::unchanged)) return false;
            value.integer = in.i64();
            value.text = in.text();
        }
    }
    return true;
}

template <size_t Index = 0>
bool read_body(ByteReader& in, size_t index, InputBody& body) {
    if constexpr (Index < std::variant_size_v<InputBody>) {
        if (index != Index) return read_body<Index + 1>(in, index, body);
        auto& input = body.emplace<Index>();
        bool good = true;
        fields(input, [&](auto&... field) { ((good = good && read(in, field) && !in.failed()), ...); });
        return good;
    } else {
        return false;
    }
}

}  // namespace

std::string_view input_name(const InputBody& body) {
    static constexpr std::array<std::string_view, std::variant_size_v<InputBody>> kNames{
        "Started",     "ConnectionOpened", "FrameReceived", "ControlReceived", "MailPushed",     "ConnectionClosed",
        "HttpRequest", "RequestCancelled", "Tick",          "Committed",       "CommitFailed",   "StorageRecovered",
        "QueryResult", "ClockJumped",      "Shutdown",      "BodyTaken",       "StorageJobDone", "StorageFigures"};
    return kNames.at(body.index());
}

std::string encode_input(const Input& input) {
    ByteWriter out;
    out.i64(input.at.wall_ms);
    out.i64(input.at.mono_us);
    out.u8(static_cast<uint8_t>(input.body.index()));
    Input copy = input;
    std::visit([&out](auto& body) { fields(body, [&out](const auto&... field) { (write(out, field), ...); }); },
               copy.body);
    return std::move(out).take();
}

std::optional<Input> decode_input(std::string_view bytes) {
    ByteReader in(bytes);
    Input input;
    input.at.wall_ms = in.i64();
    input.at.mono_us = in.i64();
    const size_t index = in.u8();
    if (in.failed() || !read_body(in, index, input.body) || in.failed() || !in.at_end()) return std::nullopt;
    return input;
}

}  // namespace agentcom

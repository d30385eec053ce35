#include "core/hub/input.hpp"

#include <type_traits>

#include "core/base/bytes.hpp"

namespace agentcom {

namespace {

template <class I, class Input>
concept Is = std::is_same_v<std::remove_const_t<I>, Input>;

// Each input lists its fields once; writing and reading are the two visitors below. The number of a type is its place
// in InputBody, so new inputs are added at the end.

template <Is<Started> I, class V>
void fields(I& input, V&& visit) {
    visit(input.seed, input.epoch, input.last_turn, input.admin_token_sha256, input.admin_token_prefix,
          input.log_levels, input.vapid_public_key, input.restored_from, input.lost_messages, input.revoked_tokens);
}
template <Is<ConnectionOpened> I, class V>
void fields(I& input, V&& visit) {
    visit(input.connection, input.peer, input.loopback);
}
template <Is<FrameReceived> I, class V>
void fields(I& input, V&& visit) {
    visit(input.connection, input.malformed, input.text, input.credential);
}
template <Is<ControlReceived> I, class V>
void fields(I& input, V&& visit) {
    visit(input.connection);
}
template <Is<MailPushed> I, class V>
void fields(I& input, V&& visit) {
    visit(input.connection, input.up_to_seq);
}
template <Is<ConnectionClosed> I, class V>
void fields(I& input, V&& visit) {
    visit(input.connection, input.goodbye);
}
template <Is<HttpRequest> I, class V>
void fields(I& input, V&& visit) {
    visit(input.request, input.name, input.method, input.path, input.query, input.host, input.content_type,
          input.has_content_type, input.malformed_body, input.body, input.accept, input.last_event_id,
          input.idempotency_key, input.authorization, input.flex_authorization, input.has_bearer, input.query_token,
          input.body_token, input.invite, input.peer, input.loopback, input.tls, input.secret.sha256,
          input.secret.prefix);
}
template <Is<RequestCancelled> I, class V>
void fields(I& input, V&& visit) {
    visit(input.request);
}
template <Is<Tick> I, class V>
void fields(I&, V&& visit) {
    visit();
}
template <Is<Committed> I, class V>
void fields(I& input, V&& visit) {
    visit(input.turn);
}
template <Is<CommitFailed> I, class V>
void fields(I& input, V&& visit) {
    visit(input.first_turn);
}
template <Is<StorageRecovered> I, class V>
void fields(I&, V&& visit) {
    visit();
}
template <Is<QueryResult> I, class V>
void fields(I& input, V&& visit) {
    visit(input.query, input.ok, input.rows);
}
template <Is<ClockJumped> I, class V>
void fields(I& input, V&& visit) {
    visit(input.delta_ms);
}
template <Is<Shutdown> I, class V>
void fields(I&, V&& visit) {
    visit();
}
template <Is<BodyTaken> I, class V>
void fields(I& input, V&& visit) {
    visit(input.request);
}
template <Is<Delivered> I, class V>
void fields(I& input, V&& visit) {
    visit(input.workspace, input.receiver, input.seq, input.status, input.retry_after_ms, input.error);
}

template <Is<StorageJobDone> I, class V>
void fields(I& input, V&& visit) {
    visit(input.job, input.ok, input.result, input.error);
}
template <Is<StorageFigures> I, class V>
void fields(I& input, V&& visit) {
    visit(input.database_bytes, input.free_bytes, input.disk_free_bytes, input.lost_rows, input.damage,
          input.checked_at, input.tables, input.backups);
}
template <Is<DashboardOpened> I, class V>
void fields(I& input, V&& visit) {
    visit(input.connection, input.peer, input.loopback, input.query, input.authorization);
}
template <Is<MachineSample> I, class V>
void fields(I& input, V&& visit) {
    visit(input);
}

template <class Out>
void write(Out& out, const MachineSample& value) {
    ByteWriter bytes;
    value.save(bytes);
    out.text(bytes.bytes());
}
template <class Out>
void write(Out& out, int64_t value) {
    out.i64(value);
}
template <class Out>
void write(Out& out, bool value) {
    out.u8(value ? 1 : 0);
}
template <class Out>
void write(Out& out, const std::string& value) {
    out.text(value);
}
template <class Out>
void write(Out& out, Method value) {
    out.u8(static_cast<uint8_t>(value));
}
template <class Out>
void write(Out& out, const Credential& value) {
    out.u8(static_cast<uint8_t>(value.kind));
    out.text(value.sha256_hex);
}
template <class Out>
void write(Out& out, const std::vector<QueryRow>& rows) {
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
template <class In, class E>
bool read_enum(In& in, E& value, E last) {
    const uint8_t number = in.u8();
    if (number > static_cast<uint8_t>(last)) return false;
    value = static_cast<E>(number);
    return true;
}

template <class In>
bool read(In& in, MachineSample& value) {
    const std::string bytes = in.text();
    ByteReader sample(bytes);
    return !in.failed() && value.load(sample) && sample.at_end();
}
template <class In>
bool read(In& in, int64_t& value) {
    value = in.i64();
    return true;
}
template <class In>
bool read(In& in, bool& value) {
    const uint8_t byte = in.u8();
    value = byte == 1;
    return byte <= 1;
}
template <class In>
bool read(In& in, std::string& value) {
    value = in.text();
    return true;
}
template <class In>
bool read(In& in, Method& value) {
    return read_enum(in, value, Method::other);
}
template <class In>
bool read(In& in, Credential& value) {
    if (!read_enum(in, value.kind, Credential::Kind::malformed)) return false;
    value.sha256_hex = in.text();
    return true;
}
template <class In>
bool read(In& in, std::vector<QueryRow>& rows) {
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

template <size_t Index = 0, class In>
bool read_body(In& in, size_t index, InputBody& body) {
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

template <class Out>
void write_body(Out& out, const InputBody& body) {
    std::visit([&out](const auto& input) { fields(input, [&out](const auto&... field) { (write(out, field), ...); }); },
               body);
}

}  // namespace

std::string_view input_name(const InputBody& body) {
    static constexpr std::array<std::string_view, std::variant_size_v<InputBody>> kNames{
        "Started",        "ConnectionOpened", "FrameReceived",  "ControlReceived", "MailPushed",   "ConnectionClosed",
        "HttpRequest",    "RequestCancelled", "Tick",           "Committed",       "CommitFailed", "StorageRecovered",
        "QueryResult",    "ClockJumped",      "Shutdown",       "BodyTaken",       "Delivered",    "MachineSample",
        "StorageJobDone", "StorageFigures",   "DashboardOpened"};
    return kNames.at(body.index());
}

std::string encode_input(const Input& input) {
    ByteWriter out;
    out.i64(input.at.wall_ms);
    out.i64(input.at.mono_us);
    out.u8(static_cast<uint8_t>(input.body.index()));
    write_body(out, input.body);
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

void encode_body(CompactWriter& out, const InputBody& body) {
    out.u8(static_cast<uint8_t>(body.index()));
    write_body(out, body);
}

bool decode_body(CompactReader& in, InputBody& body) {
    const size_t index = in.u8();
    return !in.failed() && read_body(in, index, body) && !in.failed();
}

}  // namespace agentcom

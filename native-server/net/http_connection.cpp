#include "native-server/net/http_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "core/protocol/credentials.hpp"
#include "core/protocol/operation.hpp"
#include "native-server/net/websocket_frame.hpp"

namespace agentcom {

namespace http = boost::beast::http;

namespace {

using Fields = http::request<http::string_body>;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
               return lower(x) == lower(y);
           });
}

bool ends_with_ignoring_case(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() && equal_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
}

// application/json, and application/<anything>+json, with any parameters.
bool is_json_type(std::string_view content_type) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    static constexpr std::string_view kApplication = "application/";
    if (type.size() <= kApplication.size()) return false;
    if (!equal_ignoring_case(type.substr(0, kApplication.size()), kApplication)) return false;
    return equal_ignoring_case(type.substr(kApplication.size()), "json") || ends_with_ignoring_case(type, "+json");
}

bool takes_body(Method method) {
    return method == Method::post || method == Method::put || method == Method::patch || method == Method::delete_;
}

template <class Name>
std::vector<std::string_view> values_of(const Fields& fields, Name name) {
    std::vector<std::string_view> values;
    const auto [begin, end] = fields.equal_range(name);
    for (auto it = begin; it != end; ++it) values.push_back(view(it->value()));
    return values;
}

bool lists_token(const Fields& fields, http::field name, boost::beast::string_view token) {
    const std::vector<std::string_view> values = values_of(fields, name);
    return std::any_of(values.begin(), values.end(), [&](std::string_view value) {
        return http::token_list{boost::beast::string_view(value.data(), value.size())}.exists(token);
    });
}

// A name that a client may give its request: short, and harmless in a log and in a header.
bool is_request_name(std::string_view name) {
    constexpr size_t kMaxRequestNameBytes = 128;
    return !name.empty() && name.size() <= kMaxRequestNameBytes &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// The path of "http://host/path?query" (RFC 9112 §3.2.2), or the target as it is.
std::string_view without_authority(std::string_view target) {
    if (target.starts_with('/')) return target;
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return target;
    const size_t path = target.find_first_of("/?", scheme + 3);
    return path == std::string_view::npos ? "/" : target.substr(path);
}

int status_of_parse_error(const boost::beast::error_code& error) {
    if (error == http::error::body_limit) return 413;
    if (error == http::error::header_limit) return 431;
    if (error == http::error::bad_version) return 505;
    return 400;
}

enum class SocketPath : uint8_t { none, agents, dashboards };

/// /ws or /ws/dashboard, with as many slashes as there may be.
SocketPath socket_path(std::string_view path) {
    static constexpr std::array<std::string_view, 2> kSegments{"ws", "dashboard"};
    size_t segments = 0;
    while (!path.empty()) {
        const size_t end = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (segment.empty()) continue;
        if (segments == kSegments.size() || segment != kSegments.at(segments)) return SocketPath::none;
        ++segments;
    }
    return segments == 0 ? SocketPath::none : segments == 1 ? SocketPath::agents : SocketPath::dashboards;
}

}  // namespace

struct HttpConnection::Body {
    http::request_parser<http::string_body> parser;
    bool head_only = false;
    bool http_1_0 = false;
};

HttpConnection::HttpConnection(const NetContext& context, Outbox& outbox, Events& events)
    : context_(context), outbox_(outbox), events_(events), waiting_since_us_(context.now.mono_us) {}

HttpConnection::~HttpConnection() = default;

size_t HttpConnection::held_bytes() const {
    const size_t body = body_ && !pending_ ? body_->parser.get().body().size() : 0;
    return body + unread().size() + head_.size();
}

// ---------------------------------------------------------------------------------------------------------------------
// Bytes in

void HttpConnection::receive(std::string_view bytes) {
    if (ended_) return;
    // A body that moves, however slowly, is not stalled; a head has one period as a whole.
    if (body_ && !pending_) waiting_since_us_ = context_.now.mono_us;
    rest_.append(bytes);
    consume();
}

void HttpConnection::consume() {
    // A request that is answered from inside on_request must not start a second consumer.
    if (consuming_) return;
    consuming_ = true;
    while (!ended_ && !pending_ && !unread().empty()) {
        const bool progress = body_ ? consume_body() : consume_head();
        if (!progress) break;
    }
    consuming_ = false;
    if (read_of_rest_ == rest_.size()) {
        rest_ = {};
    } else {
        rest_.erase(0, read_of_rest_);
    }
    read_of_rest_ = 0;
}

bool HttpConnection::consume_head() {
    const bool begun = head_.begun();
    read_of_rest_ += head_.take(unread());
    if (!begun && head_.begun()) waiting_since_us_ = context_.now.mono_us;
    if (head_.status() != 0) {
        stop_on(head_.status());
        return false;
    }
    if (!head_.complete()) return false;

    body_ = std::make_unique<Body>();
    waiting_since_us_ = context_.now.mono_us;
    auto& parser = body_->parser;
    parser.header_limit(static_cast<std::uint32_t>(kMaxHeadBytes));
    parser.body_limit(kMaxBodyBytes);
    boost::beast::error_code error;
    const std::string& text = head_.text();
    size_t parsed = 0;
    while (!error && !parser.is_header_done() && parsed < text.size()) {
        const size_t n = parser.put(boost::asio::buffer(text.data() + parsed, text.size() - parsed), error);
        if (n == 0) break;
        parsed += n;
    }
    head_.reset();
    if (error && error != http::error::need_more) {
        stop_on(status_of_parse_error(error));
        return false;
    }
    if (!parser.is_header_done()) {
        stop_on(400);
        return false;
    }
    parser.eager(true);
    if (!check_head()) return false;
    if (parser.is_done()) finish_request();
    return true;
}

bool HttpConnection::check_head() {
    const Fields& fields = body_->parser.get();
    body_->head_only = fields.method() == http::verb::head;
    body_->http_1_0 = fields.version() == 10;
    if (!fields.keep_alive()) close_after_ = true;

    const auto host_count = fields.count(http::field::host);
    int status = 0;
    if (host_count > 1 || (host_count == 0 && !body_->http_1_0)) status = 400;
    const std::vector<std::string_view> codings = values_of(fields, http::field::transfer_encoding);
    if (codings.size() > 1 || (codings.size() == 1 && !equal_ignoring_case(codings[0], "chunked"))) status = 501;
    const auto length = body_->parser.content_length();
    if (length && *length > kMaxBodyBytes) status = 413;
    const std::vector<std::string_view> expectations = values_of(fields, http::field::expect);
    const bool expects_continue = expectations.size() == 1 && equal_ignoring_case(expectations[0], "100-continue");
    if (!expectations.empty() && !expects_continue) status = 417;
    if (status != 0) {
        stop_on(status);
        return false;
    }
    if (expects_continue && !body_->http_1_0 && !body_->parser.is_done() && unread().empty()) {
        outbox_.add_bytes("HTTP/1.1 100 Continue\r\n\r\n");
    }
    return true;
}

bool HttpConnection::consume_body() {
    boost::beast::error_code error;
    const std::string_view bytes = unread();
    // Beast asserts that it is never shown the first zero of a last chunk again without at least "0\r\n\r\n".
    if (body_->parser.chunked() && bytes.size() < kLastChunk.size() && bytes.starts_with('0')) return false;
    const size_t taken = body_->parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    read_of_rest_ += taken;
    if (error && error != http::error::need_more) {
        stop_on(status_of_parse_error(error));
        return false;
    }
    if (body_->parser.is_done()) {
        finish_request();
        return true;
    }
    if (taken == 0 && bytes.size() > kMaxChunkHeaderBytes) {
        stop_on(400);
        return false;
    }
    return taken > 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Requests out

void HttpConnection::finish_request() {
    Fields& fields = body_->parser.get();
    pending_ = true;
    if (refuse_foreign()) return;
    hand_out(parse_method(view(fields.method_string())).value_or(Method::other),
             std::string(without_authority(view(fields.target()))), std::move(fields.body()));
}

bool HttpConnection::refuse_foreign() {
    if (!context_.hosts) return false;
    const Fields& fields = body_->parser.get();
    RequestOrigin from;
    from.host = view(fields[http::field::host]);
    from.has_origin = fields.count(http::field::origin) > 0;
    from.origin = view(fields[http::field::origin]);
    from.fetch_site = view(fields["Sec-Fetch-Site"]);
    from.fetch_mode = view(fields["Sec-Fetch-Mode"]);
    from.fetch_dest = view(fields["Sec-Fetch-Dest"]);
    from.is_get = fields.method() == http::verb::get;
    const std::optional<std::string> reason = context_.hosts->refusal(from);
    if (!reason) return false;
    json::Writer out;
    out.begin_object().member("error", "forbidden_origin").member("message", *reason).end_object();
    answer(403, {}, out.take());
    return true;
}

std::optional<std::string> HttpConnection::forwarded_for() const {
    const Fields& fields = body_->parser.get();
    std::string list;
    bool marked = false;
    for (const std::string_view value : values_of(fields, http::field::forwarded)) marked = marked || !value.empty();
    for (const char* name : {"X-Forwarded-Host", "X-Real-IP", "Via"}) marked = marked || fields.count(name) > 0;
    const auto [begin, end] = fields.equal_range("X-Forwarded-For");
    for (auto it = begin; it != end; ++it) {
        if (marked && !list.empty()) list += ",";
        list.append(view(it->value()));
        marked = true;
    }
    return marked ? std::optional(list) : std::nullopt;
}

void HttpConnection::hand_out(Method method, std::string target, std::string body) {
    const Fields& fields = body_->parser.get();
    const size_t question_mark = std::min(target.find('?'), target.size());
    HttpRequest request;
    request.name = name();
    request.method = method;
    request.path = target.substr(0, question_mark);
    CutQuery query = cut_query_token(std::string_view(target).substr(std::min(question_mark + 1, target.size())));
    if (const SocketPath socket = socket_path(request.path); method == Method::get && socket != SocketPath::none) {
        Upgrade wanted;
        wanted.dashboard = socket == SocketPath::dashboards;
        wanted.query = std::move(query.query);
        wanted.authorization = parse_authorization(values_of(fields, http::field::authorization), Auth::strict);
        return upgrade(std::move(wanted));
    }
    if (query.malformed) return answer_error(400);
    request.query = std::move(query.query);
    request.query_token = std::move(query.credential);
    request.host = std::string(view(fields[http::field::host]));
    request.tls = context_.tls;
    request.has_content_type = fields.count(http::field::content_type) > 0;
    request.content_type = std::string(view(fields[http::field::content_type]));
    // A stream has no end to be told in the headers, which are all that HEAD gets.
    if (method != Method::head) request.accept = std::string(view(fields[http::field::accept]));
    request.last_event_id = std::string(view(fields["Last-Event-ID"]));
    request.idempotency_key = std::string(view(fields["Idempotency-Key"]));
    const std::vector<std::string_view> authorization = values_of(fields, http::field::authorization);
    request.authorization = parse_authorization(authorization, Auth::strict);
    request.flex_authorization = parse_authorization(authorization, Auth::flex);
    request.has_bearer = authorization.size() == 1 && authorization[0].starts_with("Bearer ");
    if (takes_body(method) && request.has_content_type && !body.empty()) {
        if (!read_json_body(request, std::move(body))) return;
    }
    const RouteMatch match = match_route(method, request.path);
    events_.on_request(std::move(request), match.operation != nullptr && match.operation->mints_secret);
}

bool HttpConnection::read_json_body(HttpRequest& request, std::string body) {
    if (!is_json_type(request.content_type)) {
        answer_error(415);
        return false;
    }
    std::optional<json::Document> document = json::Document::parse(std::move(body), json::Duplicates::last_wins);
    if (document && !document->is_object()) {
        std::string wrapped = "{\"_json\":";
        wrapped.append(document->root().raw).append("}");
        document = json::Document::parse(std::move(wrapped), json::Duplicates::last_wins);
    }
    if (!document) {
        answer_error(400);
        return false;
    }
    CutBody cut = cut_body_credentials(std::move(*document));
    request.body_token = std::move(cut.credential);
    request.invite = std::move(cut.invite);
    request.body = std::move(cut.document).take_text();
    return true;
}

void HttpConnection::upgrade(Upgrade wanted) {
    const Fields& fields = body_->parser.get();
    const bool wants_websocket = !body_->http_1_0 && lists_token(fields, http::field::connection, "upgrade") &&
                                 lists_token(fields, http::field::upgrade, "websocket");
    const std::string_view key = view(fields[http::field::sec_websocket_key]);
    const bool right_version = view(fields[http::field::sec_websocket_version]) == "13";
    if (!wants_websocket || !right_version) {
        static const std::array<HttpHeader, 2> kOffer{{{"upgrade", "websocket"}, {"sec-websocket-version", "13"}}};
        return answer(426, kOffer, http_error_body(http_error_code(426)));
    }
    if (key.empty()) return answer_error(400);
    std::string response = "HTTP/1.1 101 Switching Protocols\r\n";
    response.append("date: ").append(http_date(context_.now.wall_ms));
    response.append("\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ");
    response.append(websocket_accept(key));
    response.append("\r\nx-request-id: ").append(name());
    response.append("\r\ncache-control: max-age=0, private, must-revalidate\r\n\r\n");
    outbox_.add_bytes(std::move(response));
    ended_ = true;
    upgraded_ = std::move(wanted);
    events_.on_upgrade();
}

// ---------------------------------------------------------------------------------------------------------------------
// Responses

void HttpConnection::respond(int status, std::span<const HttpHeader> headers, std::string_view body) {
    if (!pending_ || ended_ || streaming_) return;
    answer(status, headers, body);
    consume();
}

void HttpConnection::answer(int status, std::span<const HttpHeader> headers, std::string_view body) {
    ResponseShape shape;
    shape.close = close_after_;
    shape.keep_alive = !close_after_ && body_ && body_->http_1_0;
    shape.head_only = body_ && body_->head_only;
    shape.request_name = name();
    outbox_.add_bytes(http_response(status, headers, body, context_.now.wall_ms, shape));
    answered();
}

const std::string& HttpConnection::name() {
    if (!name_.empty()) return name_;
    if (body_ && body_->parser.is_header_done()) {
        const std::vector<std::string_view> names = values_of(body_->parser.get(), "X-Request-Id");
        if (names.size() == 1 && is_request_name(names.front())) name_ = names.front();
    }
    if (name_.empty()) name_ = context_.next_request_name();
    return name_;
}

void HttpConnection::answered() {
    name_.clear();
    pending_ = false;
    streaming_ = false;
    body_.reset();
    waiting_since_us_ = context_.now.mono_us;
    if (close_after_) ended_ = true;
}

void HttpConnection::begin_stream(int status, std::span<const HttpHeader> headers) {
    if (!pending_ || ended_ || streaming_) return;
    if (body_->http_1_0) close_after_ = true;
    const StreamCoding coding = body_->http_1_0 ? StreamCoding::to_close : StreamCoding::chunked;
    outbox_.add_bytes(http_stream_head(status, headers, context_.now.wall_ms, coding, name()));
    streaming_ = true;
}

void HttpConnection::send_piece(const std::shared_ptr<const std::string>& text, bool last) {
    if (!streaming_ || ended_) return;
    const bool chunked = !body_->http_1_0;
    if (text && !text->empty()) {
        if (chunked) outbox_.add_bytes(chunk_header(text->size()));
        outbox_.add_bytes(text);
        if (chunked) outbox_.add_bytes(std::string(kChunkEnd));
    }
    if (!last) return;
    if (chunked) outbox_.add_bytes(std::string(kLastChunk));
    answered();
    consume();
}

void HttpConnection::answer_error(int status) { answer(status, {}, http_error_body(http_error_code(status))); }

void HttpConnection::stop_on(int status) {
    // Where the next request begins is not known any more.
    close_after_ = true;
    answer_error(status);
}

void HttpConnection::abort(int status) {
    if (ended_) return;
    stop_on(status);
}

void HttpConnection::finish() {
    close_after_ = true;
    if (!pending_) ended_ = true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Deadlines

std::optional<int64_t> HttpConnection::deadline_us() const {
    if (pending_ || ended_) return std::nullopt;
    const NetSettings& settings = context_.settings;
    const int64_t period_ms = body_           ? settings.body_timeout_ms
                              : head_.begun() ? settings.head_timeout_ms
                                              : settings.keep_alive_ms;
    return saturating_add(waiting_since_us_, us_from_ms(period_ms));
}

void HttpConnection::on_deadline() {
    if (body_ || head_.begun()) return stop_on(408);
    // Idle: it is closed without a word, so that a client that sends at this moment may safely try again.
    ended_ = true;
}

}  // namespace agentcom

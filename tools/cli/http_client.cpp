#include "tools/cli/http_client.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <chrono>

#include "agentcom_version.hpp"
#include "tools/cli/hub_stream.hpp"

namespace agentcom::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::chrono::milliseconds kConnectTimeout{5'000};
constexpr uint64_t kMaxAnswerBytes = uint64_t{64} * 1024 * 1024;

http::verb verb_of(HttpMethod method) {
    switch (method) {
        case HttpMethod::get:
            return http::verb::get;
        case HttpMethod::post:
            return http::verb::post;
        case HttpMethod::put:
            return http::verb::put;
        case HttpMethod::delete_:
            return http::verb::delete_;
    }
    return http::verb::get;
}

http::request<http::string_body> message_of(const HttpRequest& request, const HubUrl& hub) {
    http::request<http::string_body> message{verb_of(request.method), request.target, 11};
    message.set(http::field::host, hub.authority());
    message.set(http::field::user_agent, "agentcom/" + std::string(kVersion));
    message.set(http::field::accept, "application/json");
    message.set(http::field::connection, "close");
    if (!request.token.empty()) message.set(http::field::authorization, "Bearer " + request.token);
    if (!request.idempotency_key.empty()) message.set("Idempotency-Key", request.idempotency_key);
    if (!request.body.empty()) {
        message.set(http::field::content_type, "application/json");
        message.body() = request.body;
    }
    message.prepare_payload();
    return message;
}

std::optional<int64_t> seconds_of(beast::string_view text) {
    int64_t seconds = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || stop != text.data() + text.size() || seconds < 0) return std::nullopt;
    return seconds;
}

// Beast's timeouts work on asynchronous operations only, so each step is started and then run to its end.
class Exchange {
  public:
    explicit Exchange(const HubUrl& hub) : hub_(hub), stream_(context_, hub_) {}

    HttpReply run(const HttpRequest& request) {
        beast::error_code error;
        asio::ip::tcp::resolver resolver(context_);
        const auto addresses = resolver.resolve(hub_.host, std::to_string(hub_.port), error);
        if (error) return HttpLoss{HttpLoss::Stage::connect, "its name is not known (" + error.message() + ")"};

        beast::tcp_stream& tcp = stream_.next_layer();
        tcp.expires_after(std::min(kConnectTimeout, request.timeout));
        tcp.async_connect(addresses, [&](beast::error_code e, const auto&) { error = e; });
        finish_step();
        if (!error) {
            stream_.async_secure([&](beast::error_code e) { error = e; });
            finish_step();
        }
        if (error) return HttpLoss{HttpLoss::Stage::connect, reason(error)};

        const http::request<http::string_body> message = message_of(request, hub_);
        tcp.expires_after(request.timeout);
        http::async_write(stream_, message, [&](beast::error_code e, size_t) { error = e; });
        finish_step();
        // A hub that refuses a body early has answered although writing failed, so the answer is read anyhow.
        const beast::error_code write_error = error;

        if (request.sink) return download(request, write_error);
        http::response_parser<http::string_body> parser;
        parser.body_limit(kMaxAnswerBytes);
        beast::flat_buffer buffer;
        http::async_read(stream_, buffer, parser, [&](beast::error_code e, size_t) { error = e; });
        finish_step();
        if (error) return HttpLoss{HttpLoss::Stage::exchange, reason(write_error ? write_error : error)};

        HttpAnswer answer;
        answer.status = parser.get().result_int();
        answer.retry_after_s = seconds_of(parser.get()[http::field::retry_after]);
        answer.body = std::move(parser.get().body());
        return answer;
    }

  private:
    HttpReply download(const HttpRequest& request, beast::error_code write_error) {
        http::response_parser<http::buffer_body> parser;
        parser.body_limit(boost::none);
        beast::flat_buffer buffer;
        beast::error_code error;
        const auto read = [&](beast::error_code e, size_t) { error = e; };
        http::async_read_header(stream_, buffer, parser, read);
        finish_step();
        HttpAnswer answer;
        answer.status = parser.get().result_int();
        answer.retry_after_s = seconds_of(parser.get()[http::field::retry_after]);
        std::string piece(size_t{256} * 1024, '\0');
        while (!error && !parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            stream_.next_layer().expires_after(request.timeout);
            http::async_read(stream_, buffer, parser, read);
            finish_step();
            if (error == http::error::need_buffer) error = {};
            const std::string_view got(piece.data(), piece.size() - parser.get().body().size);
            if (answer.status > 299) {
                // Words of an error: nobody needs more of them.
                if (answer.body.size() < kMaxAnswerBytes) answer.body.append(got);
            } else if (!request.sink(got)) {
                return HttpLoss{HttpLoss::Stage::exchange, "what it sent cannot be kept"};
            }
        }
        if (error) return HttpLoss{HttpLoss::Stage::exchange, reason(write_error ? write_error : error)};
        return answer;
    }

    void finish_step() {
        context_.restart();
        context_.run();
    }

    std::string reason(beast::error_code error) const {
        if (std::string trouble = certificate_trouble(error, hub_); !trouble.empty()) return trouble;
        if (error == beast::error::timeout) return "it did not answer in time";
        if (error == asio::error::connection_refused) return "nothing listens there";
        if (error == http::error::end_of_stream) return "it closed the connection without an answer";
        return error.message();
    }

    HubUrl hub_;
    asio::io_context context_{1};
    HubStream stream_;
};

}  // namespace

HttpTransport tcp_transport(HubUrl hub) {
    return [hub = std::move(hub)](const HttpRequest& request) { return Exchange(hub).run(request); };
}

}  // namespace agentcom::cli

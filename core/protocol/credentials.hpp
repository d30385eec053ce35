// Cuts every credential out of what a client sends, before it becomes an input of the core.
//
// Inputs are recorded, saved with faults and replayed in browsers, so no secret may be in one. The machine therefore
// passes each frame and request through the functions below first. They replace tokens by nothing and give their
// SHA-256 digests in a typed field; the core authenticates from that field alone. What they cannot read (a frame that
// is not JSON, a query with bad escapes) they drop, since it might hold a token.
//
//     CutFrame cut = cut_frame_credentials(std::move(text));
//     if (cut.malformed) ...   // becomes an input without text: the reply is invalid_json
//     hub.apply(FrameReceived{time, connection, cut.document.take_text(), cut.credential});
//
// Cut are: the top-level `token` of a frame and of a body, the top-level `invite` of a body, the query parameter
// `token`, and the Authorization header, which never becomes a part of an input at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/protocol/operation.hpp"

namespace agentcom {

struct Credential {
    enum class Kind : uint8_t {
        absent,
        present,
        malformed,  // something stands where a credential belongs, but it cannot be one: never authenticates
    };
    Kind kind = Kind::absent;
    std::string sha256_hex;  // of the token's bytes; set when present

    bool operator==(const Credential&) const = default;
};

// The credential of a token, which may be any bytes.
Credential credential_of_token(std::string_view token);

struct CutFrame {
    // The frame without its token; "null" when malformed.
    json::Document document;
    // The text was not valid JSON and is gone.
    bool malformed = false;
    Credential credential;
};

// Takes the text of a frame. Every top-level string member whose decoded key is "token" becomes ""; the first one is
// the credential. One of more than kMaxTokenCodePoints becomes that many asterisks and one more, so that validation
// still finds it too long; it is malformed as a credential. A token that is not a string stays, for the same reason.
CutFrame cut_frame_credentials(std::string text);

struct CutBody {
    json::Document document;
    Credential credential;
    // Of an invite code.
    Credential invite;
};

// The same for a request body and its members "token" and "invite"; of each the last one counts. Null counts as absent.
CutBody cut_body_credentials(json::Document body);

struct CutQuery {
    std::string query;
    // The query had a bad escape or was not UTF-8 and is gone; the answer is 400.
    bool malformed = false;
    Credential credential;
};

// Takes a query string. The value of each parameter called "token" in any spelling, and of "token[...]", is removed;
// the last "token" is the credential.
CutQuery cut_query_token(std::string_view query);

// Reads the values of all Authorization headers of a request. `auth` must be strict, flex or flex_owner.
//  strict: exactly one header, "Bearer " (case-sensitive) and the token, with white space around it ignored; anything
//          else is malformed.
//  flex:   exactly one header that starts with "Bearer ": all that follows is the token; anything else is absent, so
//          that a `token` parameter is looked at.
Credential parse_authorization(const std::vector<std::string_view>& header_values, Auth auth);

// The credential that counts for a route: the header's if there is one, else for flex routes the body's, else the
// query's.
Credential choose_credential(Auth auth, const Credential& authorization, const Credential& body,
                             const Credential& query);

}  // namespace agentcom

// Who may act: registration and tokens.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_register(const Call&);
Reply on_token_create(const Call&);
Reply on_token_list(const Call&);
Reply on_token_revoke(const Call&);
Reply on_token_rotate(const Call&);
Reply on_whoami(const Call&);

/// The workspace that a request names; only those who administer the hub may leave their own. Errors `admin_only`
/// (403), `invalid_workspace` (422).
Result<int64_t> named_workspace(const Call&);

/// An answer with an empty member "token" or "code", which the machine fills with the secret that it drew.
Answer with_secret(json::Writer&, int status);
/// Where the secret goes in such an answer.
int64_t place_of_secret(std::string_view body);
/// The request is repeated: what it made has this secret now instead of that, which opens nothing any more.
void renew_secret(Context&, const std::string& old_sha256, const HttpRequest& request);

}  // namespace agentcom::requests

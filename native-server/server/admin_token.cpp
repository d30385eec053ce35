#include "native-server/server/admin_token.hpp"

#include <optional>
#include <utility>

#include "native-server/server/files.hpp"
#include "native-server/server/secret.hpp"

namespace agentcom {

Result<AdminToken> load_admin_token(const std::string& data_directory) {
    const std::string path = data_directory + "/admin.token";
    AdminToken result;
    if (file_exists(path)) {
        result.token = read_file(path).value_or("");
        while (!result.token.empty() &&
               (result.token.back() == '\n' || result.token.back() == '\r' || result.token.back() == ' ')) {
            result.token.pop_back();
        }
        if (result.token.empty()) {
            return Result<AdminToken>(Error{"bad_admin_token", 500, Blame::hub,
                                            path + " cannot be read or is empty; delete it to get a new token"});
        }
        return Result<AdminToken>(std::move(result));
    }
    result.token = draw_token();
    result.created = true;
    if (const Status written = write_private_file(path, result.token + "\n"); !written) {
        return Result<AdminToken>(written.error());
    }
    return Result<AdminToken>(std::move(result));
}

}  // namespace agentcom

#include "native-server/push/webhook_secrets.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "core/base/sha256.hpp"
#include "native-server/server/secret.hpp"

using namespace agentcom;

namespace {

struct SecretsDirectory {
    SecretsDirectory() : path(std::filesystem::temp_directory_path() / ("agentcom-secrets-" + random_hex(8))) {
        std::filesystem::create_directory(path);
    }
    ~SecretsDirectory() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

}  // namespace

TEST_CASE("secrets of webhooks are kept for their owner alone, until they are forgotten") {
    const SecretsDirectory directory;
    const std::string first = draw_token();
    const std::string second = draw_token();
    {
        WebhookSecrets secrets(directory.path.string());
        REQUIRE(secrets.load());
        CHECK(secrets.find(sha256_hex(first)).empty());
        REQUIRE(secrets.keep(sha256_hex(first), first));
        REQUIRE(secrets.keep(sha256_hex(second), second));
    }
    struct stat status {};
    REQUIRE(::stat((directory.path / "webhook_secrets").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    WebhookSecrets secrets(directory.path.string());
    REQUIRE(secrets.load());
    CHECK(secrets.find(sha256_hex(first)) == first);
    REQUIRE(secrets.forget(sha256_hex(first)));
    REQUIRE(secrets.forget("nothing"));
    WebhookSecrets again(directory.path.string());
    REQUIRE(again.load());
    CHECK(again.find(sha256_hex(first)).empty());
    CHECK(again.find(sha256_hex(second)) == second);
    REQUIRE(again.keep_only({}));
    REQUIRE(secrets.load());
    CHECK(secrets.find(sha256_hex(second)).empty());
}

TEST_CASE("a file of secrets that is damaged is seen") {
    const SecretsDirectory directory;
    const auto load = [&](const std::string& content) {
        std::ofstream(directory.path / "webhook_secrets") << content;
        WebhookSecrets secrets(directory.path.string());
        return secrets.load();
    };
    const std::string secret = draw_token();
    CHECK(load(sha256_hex(secret) + " " + secret + "\n"));
    CHECK(load(""));
    CHECK(load(sha256_hex(secret) + "\n").error().code == "bad_webhook_secrets");
    CHECK(load(sha256_hex(secret) + " " + secret.substr(1) + "\n").error().code == "bad_webhook_secrets");
}

TEST_CASE("the signature is HMAC-SHA-256 over time and body") {
    // printf '%s' '1800000000.{"a":1}' | openssl dgst -sha256 -hmac key
    CHECK(webhook_signature("key", 1'800'000'000, R"({"a":1})") ==
          "t=1800000000,v1=7330c9cf7d886970cbebbbb5494c04d2aeff06a990adb7d7a75abfeb0159d291");
}

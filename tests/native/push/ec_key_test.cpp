#include "native-server/push/ec_key.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("two key pairs share one secret, whoever computes it") {
    const EcKey ours = EcKey::generate();
    const EcKey theirs = EcKey::generate();
    const std::optional<std::string> secret = ours.shared_secret(theirs);
    REQUIRE(secret);
    CHECK(secret->size() == 32);
    CHECK(theirs.shared_secret(ours) == secret);
    const std::optional<EcKey> public_only = EcKey::from_public(theirs.public_point());
    REQUIRE(public_only);
    CHECK(ours.shared_secret(*public_only) == secret);
}

TEST_CASE("a key pair comes back from its PEM") {
    const EcKey key = EcKey::generate();
    const std::optional<EcKey> back = EcKey::from_pem(key.to_pem());
    REQUIRE(back);
    CHECK(back->public_point() == key.public_point());
    CHECK(key.verify("text", back->sign("text")));
    CHECK(!EcKey::from_pem(""));
    CHECK(!EcKey::from_pem(key.to_pem().substr(0, 60)));
}

TEST_CASE("a signature is of one text and one key") {
    const EcKey key = EcKey::generate();
    // Often enough that an r or s with leading zeros comes up.
    for (int i = 0; i < 600; ++i) {
        const std::string text = std::to_string(i);
        const std::string signature = key.sign(text);
        REQUIRE(signature.size() == 64);
        REQUIRE(key.verify(text, signature));
    }
    CHECK(!key.verify("other", key.sign("text")));
    CHECK(!key.verify("text", "short"));
}

#include "native-server/push/web_push.hpp"

#include <openssl/pem.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "native-server/push/base64url.hpp"
#include "native-server/server/secret.hpp"

using namespace agentcom;

namespace {

struct KeyDirectory {
    KeyDirectory() : path(std::filesystem::temp_directory_path() / ("agentcom-push-" + random_hex(8))) {
        std::filesystem::create_directory(path);
    }
    ~KeyDirectory() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

std::string decoded(std::string_view text) { return from_base64url(text).value(); }

}  // namespace

TEST_CASE("the example of RFC 8291, section 5 and appendix A") {
    const std::string text = "When I grow up, I want to be a watermelon";
    const std::optional<PushTarget> target =
        read_push_target("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                         "BTBZMqHH6r4Tts7J_aSIgg");
    REQUIRE(target);
    const std::optional<EcKey> sender = EcKey::from_pair(
        decoded("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"),
        decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
    REQUIRE(sender);
    const std::optional<std::string> sealed =
        encrypt_push_with(text, *target, *sender, decoded("DGv6ra1nlYgDCS1FRnbzlw"));
    REQUIRE(sealed);
    CHECK(to_base64url(*sealed) ==
          "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
          "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
          "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN");
}

TEST_CASE("each notification has a key pair and a salt of its own") {
    const EcKey browser = EcKey::generate();
    const PushTarget target{browser.public_point(), std::string(16, 's')};
    const std::string first = encrypt_push("x", target).value();
    const std::string second = encrypt_push("x", target).value();
    CHECK(first.substr(0, 16) != second.substr(0, 16));
    CHECK(first.substr(21, 65) != second.substr(21, 65));
    CHECK(encrypt_push(std::string(kMaxPushBytes, 'x'), target)->size() == 4'096);
    CHECK(!encrypt_push(std::string(kMaxPushBytes + 1, 'x'), target));
}

TEST_CASE("keys of a browser that are none are refused") {
    CHECK(!read_push_target("AAAA", "BTBZMqHH6r4Tts7J_aSIgg"));
    CHECK(!read_push_target(to_base64url(std::string(65, '\4')), "AAAA"));
    // The right length, and not on the curve.
    CHECK(!encrypt_push("x", PushTarget{std::string(65, '\4'), std::string(16, 's')}));
    CHECK(!EcKey::from_public(std::string(65, '\4')));
    CHECK(!EcKey::from_public(""));
}

TEST_CASE("the token for a push service is an ES256 JWT for its origin (RFC 8292)") {
    const EcKey key = EcKey::generate();
    const std::string header =
        vapid_authorization(key, "https://push.example:8443", "mailto:ops@example.org", 1'800'000'000'000);
    REQUIRE(header.starts_with("vapid t="));
    const size_t end = header.find(", k=");
    REQUIRE(end != std::string::npos);
    CHECK(decoded(header.substr(end + 4)) == key.public_point());
    const std::string token = header.substr(8, end - 8);
    const size_t first = token.find('.');
    const size_t second = token.find('.', first + 1);
    CHECK(decoded(token.substr(0, first)) == R"({"typ":"JWT","alg":"ES256"})");
    CHECK(decoded(token.substr(first + 1, second - first - 1)) ==
          R"({"aud":"https://push.example:8443","exp":1800043200,"sub":"mailto:ops@example.org"})");
    const std::string signature = decoded(token.substr(second + 1));
    CHECK(key.verify(token.substr(0, second), signature));
    CHECK(!key.verify(token.substr(0, second) + "x", signature));
    CHECK(!EcKey::generate().verify(token.substr(0, second), signature));
}

TEST_CASE("W-38: the key pair is made once and kept for its owner alone") {
    const KeyDirectory directory;
    const Result<EcKey> made = load_vapid_key(directory.path.string());
    REQUIRE(made);
    const std::string path = (directory.path / "vapid.pem").string();
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    const Result<EcKey> again = load_vapid_key(directory.path.string());
    REQUIRE(again);
    CHECK(again.value().public_point() == made.value().public_point());
    std::ofstream(path) << "no key";
    CHECK(load_vapid_key(directory.path.string()).error().code == "bad_vapid_key");
}

TEST_CASE("a private key on another curve is none") {
    EVP_PKEY* other = EVP_EC_gen("secp384r1");
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(memory, other, nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    CHECK(!EcKey::from_pem(std::string(data, static_cast<size_t>(size))));
    BIO_free(memory);
    EVP_PKEY_free(other);
}

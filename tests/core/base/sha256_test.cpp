#include "core/base/sha256.hpp"

#include <catch2/catch.hpp>
#include <string>

using agentcom::sha256_hex;

TEST_CASE("SHA-256 gives the vectors of FIPS 180-4 and NIST CAVP") {
    struct Vector {
        std::string message;
        std::string digest;
    };
    const Vector vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "stu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
        {"\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"},
        {"\xc9\x8c\x8e\x55", "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"},
        {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (const Vector& vector : vectors) CHECK(sha256_hex(vector.message) == vector.digest);
}

TEST_CASE("SHA-256 pads right on both sides of every block border") {
    // The digests of n zero bytes, one after another, hashed again: one wrong length shows. Made with Python's hashlib.
    std::string all;
    for (size_t length = 0; length <= 200; ++length) all += sha256_hex(std::string(length, '\0'));
    CHECK(sha256_hex(all) == "f55e502cfd80fef78fe7206d99c6dff4fab60fd17201a0a656296ce47240e6f2");
}

#include "core/replay/recording_format.hpp"

#include <catch2/catch.hpp>

#include "core/base/hex.hpp"
#include "core/base/prng.hpp"
#include "core/replay/crc32.hpp"

using namespace agentcom;
using namespace agentcom::replay;

namespace {

SegmentHead head() {
    SegmentHead head;
    head.hub_version = "1.2.3";
    head.run = "0123456789abcdef";
    head.segment = 17;
    head.first_input = 40'000;
    head.turn = 99;
    head.last = {1'800'000'000'000, -5};
    head.stripped = true;
    head.settings.limits = 0;
    head.settings.admin_agents = {"boss", "a \"b\""};
    head.settings.public_url = "https://hub.example";
    head.settings.push_hosts = {"push.example", "http://127.0.0.1:9000"};
    head.settings.push_contact = "https://hub.example/contact";
    return head;
}

BlockHeader block() {
    BlockHeader header;
    header.kind = BlockKind::records;
    header.raw_bytes = 900;
    header.inputs = 7;
    header.first_input = 40'001;
    header.first_ms = 1'800'000'000'001;
    header.last_ms = 1'800'000'000'900;
    header.digest = {1, UINT64_MAX};
    return header;
}

}  // namespace

TEST_CASE("the head of a segment comes back as it was") {
    const std::string text = encode_head(head()) + "what follows";
    const Result<ReadHead> read = read_head(text);
    REQUIRE(read.ok());
    CHECK(text.substr(read.value().bytes) == "what follows");
    const SegmentHead& back = read.value().head;
    CHECK(back.hub_version == "1.2.3");
    CHECK(back.run == head().run);
    CHECK(back.segment == 17);
    CHECK(back.first_input == 40'000);
    CHECK(back.turn == 99);
    CHECK(back.last == head().last);
    CHECK(back.stripped);
    CHECK(back.settings.limits == 0);
    CHECK(back.settings.admin_agents == head().settings.admin_agents);
    CHECK(back.settings.public_url == "https://hub.example");
    CHECK(back.settings.push_hosts == head().settings.push_hosts);
    CHECK(back.settings.push_contact == head().settings.push_contact);
    CHECK(encode_head(back) == encode_head(head()));
}

TEST_CASE("what the head of an older recording does not name has its default") {
    const std::string line = R"({"hub_version":"0.1","settings":{}})";
    std::string crc;
    for (unsigned shift = 32; shift > 0; shift -= 8) crc.push_back(static_cast<char>(crc32(line) >> (shift - 8)));
    const Result<ReadHead> read = read_head(std::string(kSegmentMagic) + to_hex(crc) + "\n" + line + "\n");
    REQUIRE(read.ok());
    CHECK(read.value().head.settings.push_hosts.empty());
    CHECK(read.value().head.settings.push_contact == Settings{}.push_contact);
}

TEST_CASE("a head that was cut or altered is refused") {
    const std::string text = encode_head(head());
    for (size_t length = 0; length < text.size(); ++length) {
        CAPTURE(length);
        REQUIRE_FALSE(read_head(std::string_view(text).substr(0, length)).ok());
    }
    for (size_t at = 0; at < text.size(); ++at) {
        std::string broken = text;
        broken[at] = static_cast<char>(broken[at] ^ 1);
        const Result<ReadHead> read = read_head(broken);
        CAPTURE(at);
        REQUIRE_FALSE(read.ok());
        CHECK((read.error().code == "no_recording" || read.error().code == "damaged_recording"));
    }
}

TEST_CASE("the header of a block comes back as it was, with any bytes behind it") {
    const std::string contents = "any bytes";
    const std::string text = encode_block_header(block(), contents) + contents;
    REQUIRE(text.size() == kBlockHeaderBytes + contents.size());
    const std::optional<BlockHeader> read = read_block(text + "more");
    REQUIRE(read);
    CHECK(read->kind == BlockKind::records);
    CHECK(read->gzip_bytes == contents.size());
    CHECK(read->raw_bytes == 900);
    CHECK(read->inputs == 7);
    CHECK(read->first_input == 40'001);
    CHECK(read->first_ms == block().first_ms);
    CHECK(read->last_ms == block().last_ms);
    CHECK(read->digest == block().digest);
}

TEST_CASE("a block that was cut or altered is none") {
    const std::string contents = "any bytes";
    const std::string text = encode_block_header(block(), contents) + contents;
    for (size_t length = 0; length < text.size(); ++length) {
        CHECK_FALSE(read_block(std::string_view(text).substr(0, length)));
    }
    for (size_t bit = 0; bit < text.size() * 8; ++bit) {
        std::string broken = text;
        broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
        CAPTURE(bit);
        CHECK_FALSE(read_block(broken));
    }
}

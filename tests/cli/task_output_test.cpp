#include "tools/cli/task_output.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;
using Stream = TaskOutput::Stream;
using Piece = TaskOutput::Piece;

TEST_CASE("output is numbered over both streams and sent once") {
    TaskOutput output;
    CHECK(!output.has_unsent());
    output.append(Stream::standard_output, "ab");
    output.append(Stream::standard_output, "c");
    output.append(Stream::standard_error, "!");
    CHECK(output.take_unsent() ==
          std::vector<Piece>{{Stream::standard_output, 0, "abc"}, {Stream::standard_error, 3, "!"}});
    CHECK(output.take_unsent().empty());
    output.append(Stream::standard_error, "?");
    CHECK(output.take_unsent() == std::vector<Piece>{{Stream::standard_error, 4, "?"}});
    output.resend();
    CHECK(output.take_unsent() ==
          std::vector<Piece>{{Stream::standard_output, 0, "abc"}, {Stream::standard_error, 3, "!?"}});
    output.restart();
    CHECK(output.take_unsent().size() == 2);
}

TEST_CASE("no more is kept than the hub keeps, and characters stay whole") {
    TaskOutput output;
    std::string text;
    // Three bytes each, so that no piece ends where a character does by itself.
    while (text.size() < 2 * TaskOutput::kMaxKeptBytes) text += "€";
    output.append(Stream::standard_output, text);
    size_t bytes = 0;
    int64_t next = -1;
    for (const Piece& piece : output.take_unsent()) {
        CHECK(piece.text.size() <= TaskOutput::kMaxPieceBytes);
        CHECK(piece.text.size() % 3 == 0);
        CHECK((next == -1 || piece.position == next));
        next = piece.position + static_cast<int64_t>(piece.text.size());
        bytes += piece.text.size();
    }
    CHECK(next == static_cast<int64_t>(text.size()));
    CHECK(bytes <= TaskOutput::kMaxKeptBytes);
    CHECK(bytes > TaskOutput::kMaxKeptBytes - TaskOutput::kMaxPieceBytes);
}

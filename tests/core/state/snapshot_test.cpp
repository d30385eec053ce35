// Snapshots of Tables that are taken while rows change.
#include <catch2/catch.hpp>

#include "core/base/prng.hpp"
#include "core/state/tables.hpp"

using namespace agentcom;

namespace {

TokenRow token(uint64_t number, int64_t value) {
    TokenRow row;
    row.sha256 = std::to_string(number);
    row.workspace = 1;
    row.principal = "p";
    row.created_at = value;
    return row;
}

/// Changes a few rows of several tables, and undoes some of it.
void change(Tables& tables, Prng& prng) {
    tables.begin_input();
    for (uint64_t left = 1 + prng.below(5); left > 0; --left) {
        const uint64_t number = prng.below(400);
        switch (prng.below(5)) {
            case 0:
                tables.erase<TokenRow>({std::to_string(number)});
                break;
            case 1: {
                TimerRow timer;
                timer.subject = std::to_string(number);
                timer.deadline = static_cast<int64_t>(prng.below(1'000));
                tables.put(timer);
                break;
            }
            case 2:
                tables.activity().sent(1, std::to_string(number), 1'800'000'000'000);
                break;
            default:
                tables.put(token(number, static_cast<int64_t>(prng.next())));
        }
    }
    if (prng.below(4) == 0) {
        tables.undo_input();
    } else {
        tables.end_input();
    }
}

}  // namespace

TEST_CASE("a snapshot taken in slices is the state when it began, whatever changes meanwhile") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 30));
    CAPTURE(seed);
    Prng prng(seed);
    Tables tables;
    int64_t turn = 1;
    const auto end_turn = [&] {
        tables.end_turn(turn, 16);
        if (prng.below(2) == 0) tables.committed(turn);
        ++turn;
    };
    for (int i = 0; i < 200; ++i) change(tables, prng);
    end_turn();
    // Several in a row: the marks of one must not pass for those of the next.
    for (int round = 0; round < 4; ++round) {
        const Hash128 digest = tables.digest();
        const std::string saved = tables.save();
        tables.begin_snapshot();
        std::vector<std::string> pieces;
        bool complete = false;
        for (int guard = 0; !complete; ++guard) {
            REQUIRE(guard < 100'000);
            ByteWriter out;
            complete = tables.take_snapshot(out, static_cast<int64_t>(1 + prng.below(40)));
            pieces.push_back(std::move(out).take());
            for (uint64_t left = prng.below(3); left > 0; --left) change(tables, prng);
            if (prng.below(3) == 0) end_turn();
            if (prng.below(20) == 0) tables.undo_turns(turn - static_cast<int64_t>(prng.below(3)));
        }
        CHECK_FALSE(tables.in_snapshot());
        CHECK(tables.snapshot_digest() == digest);
        Tables loaded;
        REQUIRE(loaded.load_snapshot(pieces));
        CHECK(loaded.digest() == digest);
        CHECK(loaded.save() == saved);
        end_turn();
    }
}

TEST_CASE("a snapshot that was given up leaves nothing behind") {
    Tables tables;
    Prng prng(1);
    for (int i = 0; i < 50; ++i) change(tables, prng);
    tables.end_turn(1, 16);
    tables.begin_snapshot();
    ByteWriter some;
    CHECK_FALSE(tables.take_snapshot(some, 1));
    tables.cancel_snapshot();
    CHECK_FALSE(tables.in_snapshot());
    change(tables, prng);
    tables.end_turn(2, 16);
    const Hash128 digest = tables.digest();
    tables.begin_snapshot();
    ByteWriter all;
    REQUIRE(tables.take_snapshot(all, INT64_MAX));
    Tables loaded;
    REQUIRE(loaded.load_snapshot({all.bytes()}));
    CHECK(loaded.digest() == digest);
}

TEST_CASE("bytes that are no snapshot are refused") {
    Tables tables;
    tables.begin_input();
    tables.put(token(1, 5));
    tables.end_input();
    tables.end_turn(1, 16);
    tables.begin_snapshot();
    ByteWriter out;
    REQUIRE(tables.take_snapshot(out, INT64_MAX));
    const std::string bytes = out.bytes();
    for (size_t length = 1; length < bytes.size(); ++length) {
        Tables loaded;
        CHECK_FALSE(loaded.load_snapshot({bytes.substr(0, length)}));
    }
    Tables twice;
    CHECK_FALSE(twice.load_snapshot({bytes, bytes}));
    Tables unknown;
    CHECK_FALSE(unknown.load_snapshot({"\xfe"}));
}

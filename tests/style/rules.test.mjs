// Shows each rule of rules.mjs a file that breaks it, and one that only looks as if it did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTree, withoutComments } from './rules.mjs';

const excused = ['core/base/boost_json.cpp', ''];
const findingsOf = (...files) => checkTree(new Map([excused, ...files])).map((finding) => finding.text);
const header = (body) => `#pragma once\n${body}\n`;

const broken = [
    ['a higher layer', 'core/base/a.hpp', header('#include "core/hub/b.hpp"'), /higher layer/],
    ['the native hub in core', 'core/base/a.hpp', header('#include "native-server/b.hpp"'), /core includes/],
    ['a clock', 'core/base/a.hpp', header('#include <chrono>'), /no place in core/],
    ['a header that libc++ lacks', 'core/base/a.hpp', header('#include <format>'), /wasm build/],
    ['a library', 'core/base/a.hpp', header('#include <spdlog/spdlog.h>'), /Boost and xxHash only/],
    ['an unknown module', 'core/misc/a.hpp', header(''), /no known module/],
    ['std::hash', 'core/base/a.hpp', header('auto h = std::hash<int>{}(1);'), /std::hash/],
    ['the environment', 'core/base/a.hpp', header('    return getenv("A");'), /environment/],
    ['a transcendental function', 'core/base/a.hpp', header('    return std::pow(a, b);'), /transcendental/],
    ['a pointer as key', 'core/base/a.hpp', header('    std::map<const Task*, int> tasks;'), /pointer as key/],
    ['a plain assert', 'core/base/a.hpp', header('    assert(a);'), /AGENTCOM_ASSERT/],
    ['a static in a function', 'core/base/a.hpp', header('    static int calls = 0;'), /mutable state/],
    ['a variable in a namespace', 'core/base/a.hpp', header('std::vector<int> cache;'), /mutable state/],
    ['an inline variable', 'core/base/a.hpp', header('inline int counter = 0;'), /mutable state/],
    ['a field of unknown width', 'core/state/rows.hpp', header('    size_t count = 0;'), /width/],
    ['a relative include', 'native-server/a.cpp', '#include "b.hpp"\n', /may not include/],
    ['the hub in the command line', 'tools/cli/a.cpp', '#include "native-server/b.hpp"\n', /may not include/],
    ['no include guard', 'tools/cli/a.hpp', '\n', /pragma once/],
    ['a name in camel case', 'native-server/TaskQueue.cpp', '\n', /snake_case/],
    ['something left to do', 'docs/a.md', `a\n${'TO'}${'DO'}: b\n`, /finish it/],
    ['a path of one machine', 'docs/a.md', `see /${'home'}/ada/x\n`, /another machine/],
    ['white space at the end', 'tools/a.sh', 'a \n', /white space/],
    ['no newline at the end', 'tools/a.sh', 'a', /no newline/],
    ['fast math', 'CMakeLists.txt', 'add_compile_options(-ffast-math)\n', /changes results/],
    ['a source without a test', 'core/base/a.cpp', '\n', /has no test/],
    ['a header that is not there', 'native-server/a.cpp', '#include "core/base/none.hpp"\n', /does not exist/],
];

for (const [what, path, text, expected] of broken) {
    test(`finds ${what}`, () => {
        const findings = findingsOf([path, text]);
        assert.ok(findings.some((finding) => expected.test(finding)), `found only: ${findings.join('; ')}`);
    });
}

test('finds modules of one layer that include each other', () => {
    const findings = findingsOf(
        ['core/tasks/a.hpp', header('#include "core/messaging/b.hpp"')],
        ['core/messaging/b.hpp', header('#include "core/tasks/a.hpp"')],
    );
    assert.equal(findings.filter((finding) => /include each other/.test(finding)).length, 2);
});

test('finds names that the catalogue of the log lacks, or has in vain', () => {
    const found = findingsOf(
        ['core/state/log_catalogue.cpp', '    LogKind{"known_line", C::hub, S::info, "", "a"},\n    LogKind{"unused_line", C::hub, S::info, "", "b"},\n'],
        ['core/hub/a.cpp', 'ctx.event(workspace, bad ? "first_kind" : "known_line", id);\naudit(call, "second_kind", id);\nctx.log("third_kind");\n'],
    );
    for (const name of ['first_kind', 'second_kind', 'third_kind']) {
        assert.ok(found.some((finding) => finding.includes(`"${name}" is not in`)), name);
    }
    assert.ok(found.some((finding) => finding.includes('nothing is called "unused_line"')));
    assert.ok(!found.some((finding) => finding.includes('known_line"')));
});

test('finds an excuse for a file that is gone', () => {
    assert.ok(checkTree(new Map()).some(({ text }) => /excused/.test(text)));
});

const sound = [
    'inline constexpr int kLimit = 3;',
    'const std::string kName = "a";',
    'using Rows = std::vector<int>;',
    'struct Task;',
    'std::string name_of(const Task& task);',
    'template <typename T>\nclass Table;',
    '// std::hash, assert(a) and getenv("A") are only named here',
    'inline constexpr char kText[] = "static int calls = 0; std::hash";',
    '    static constexpr int kSize = 4;',
    '    static Result parse(std::string_view text);',
    '    static_assert(sizeof(int) == 4);',
    'static_assert(sizeof(int) == 4);',
    'bool operator==(const A&, const A&) = default;',
];

test('accepts what only looks wrong', () => {
    for (const text of sound) assert.deepEqual(findingsOf(['core/base/a.hpp', header(text)]), [], text);
});

test('blanks comments and strings, and keeps lines and digit separators', () => {
    assert.equal(withoutComments('a // b\n"c" \'d\' 10\'000 /* e\nf */ g'), `a     \n        10'000     \n     g`);
});

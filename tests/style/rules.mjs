// The rules of the house that a machine can check, as functions of a file's path and text: no file is read here, so that
// rules.test.mjs can show each of them a file that breaks it.
//
// A rule is {name, files, check}: `files` says by path what it looks at, `check` gives the findings of one file as {line, text}.
// checkTree() takes the whole tree, for what cannot be seen in one file.

// Modules of core/ from the bottom up. A module may include those of its own row and of the rows above it in this list;
// checkTree() sees to it that modules of one row do not include each other in a circle.
const layers = [
    ['base'],
    ['protocol', 'view'],
    ['state'],
    ['access', 'messaging', 'tasks', 'observe'],
    ['hub'],
    ['replay', 'sim'],
];

// What the rest may include of our own headers.
const mayInclude = {
    core: ['core'],
    'native-server': ['core', 'native-server'],
    tools: ['core', 'tools'],
    wasm: ['core', 'wasm'],
    tests: ['core', 'native-server', 'tools', 'tests'],
};
const generatedHeaders = ['agentcom_version.hpp'];

// Sources of core/ that have no test file of their own, and why.
const untested = {
    'core/base/boost_json.cpp': "compiles Boost's own code, nothing of ours",
};

// Standard headers that bring a clock, a thread, a file or a random device into core/: there, all of these are arguments.
const machineHeaders = new Set([
    'atomic', 'barrier', 'cassert', 'chrono', 'condition_variable', 'ctime', 'filesystem', 'fstream', 'future', 'iostream', 'latch',
    'mutex', 'random', 'semaphore', 'shared_mutex', 'stop_token', 'thread',
]);
// Headers that a C++20 compiler of the wasm build does not have.
const missingHeaders = new Set(['format', 'source_location', 'syncstream']);

// What gives another result on another platform, compiler or run. Each was seen to differ between g++ and emcc, or would.
const forbiddenInCore = [
    [/\bstd::hash\b|\bboost::hash\b/, 'std::hash differs between standard libraries; use XXH3 over the bytes'],
    [/\b(?:system|steady|high_resolution)_clock\b/, 'time enters core only with an input'],
    [/\bgetenv\s*\(/, 'core reads no environment'],
    [/\brandom_device\b|\bstd::rand\b|\bmt19937/, 'core draws only from its own Prng'],
    [/\bstd::(?:sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|exp|exp2|expm1|log|log2|log10|log1p|pow|cbrt|hypot|[lt]gamma|erfc?)\s*\(/,
        'transcendental functions differ in the last bit; use integer tables'],
    [/\bstd::(?:unordered_)?(?:multi)?(?:map|set)<\s*(?:const\s+)?[\w:]+\s*\*/, 'a pointer as key: its order differs on every run'],
    [/\bassert\s*\(/, 'use AGENTCOM_ASSERT: it is kept on in release and caught in Hub::apply'],
    [/\bthread_local\b/, 'core has no state outside its objects'],
];

// State at namespace scope or in a function. clang-format leaves what is in a namespace unindented.
const globalState = [
    /^\s+static\s+(?!const\b|constexpr\b|consteval\b|_?assert)[\w:<>,*& ]+\w\s*(?:=|\{|;|\[)/,
    /^(?!using\b|typedef\b|return\b|namespace\b|struct\b|class\b|enum\b|union\b|template\b|extern\b|friend\b|concept\b|case\b|default\b|goto\b)(?!.*\b(?:const|constexpr|consteval|constinit|operator)\b)[A-Za-z_][\w:<>,*& ]*[\w>*&] \w+(?: = .*|\{.*\}|\[.*\])?;/,
];

const isCpp = (path) => /\.(?:hpp|cpp)$/.test(path);
const inCore = (path) => isCpp(path) && path.startsWith('core/');
const isOurs = (path) => !path.endsWith('package-lock.json') && path !== 'LICENSE';

// withoutComments(text): the same lines with comments and the insides of strings blanked.
export function withoutComments(text) {
    const blank = (match) => match.replace(/[^\n]/g, ' ');
    return text.replace(
        /\/\/[^\n]*|\/\*[\s\S]*?\*\/|R"(\w*)\([\s\S]*?\)\1"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'/g,
        // Digit separators (10'000) look like the start of a character.
        (match, _delimiter, offset) => (match[0] === "'" && /[0-9a-fA-F]/.test(text[offset - 1] ?? '') ? match : blank(match)),
    );
}

const includesOf = (text) =>
    [...text.matchAll(/^#include ([<"])([^>"]+)[>"]/gm)].map((match) => ({
        quoted: match[1] === '"',
        header: match[2],
        line: text.slice(0, match.index).split('\n').length,
    }));

const moduleOf = (path) => path.split('/')[1];
const layerOf = (module) => layers.findIndex((row) => row.includes(module));

function linesThat(text, pattern, message) {
    return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [{ line: index + 1, text: message }] : []));
}

export const rules = [
    {
        name: 'core includes only downwards, and no machine',
        files: inCore,
        check(path, text) {
            const own = layerOf(moduleOf(path));
            if (own < 0) return [{ line: 1, text: `${moduleOf(path)} is no known module; name its layer in tests/style/rules.mjs` }];
            return includesOf(text).flatMap(({ quoted, header, line }) => {
                if (quoted) {
                    if (!header.startsWith('core/')) return [{ line, text: `core includes "${header}"` }];
                    return layerOf(moduleOf(header)) > own ? [{ line, text: `"${header}" belongs to a higher layer` }] : [];
                }
                if (machineHeaders.has(header)) return [{ line, text: `<${header}> has no place in core` }];
                if (missingHeaders.has(header)) return [{ line, text: `<${header}> does not exist in the wasm build` }];
                const known = header.startsWith('boost/') || header === 'xxhash.h' || !/[/.]/.test(header);
                return known ? [] : [{ line, text: `core depends on Boost and xxHash only, not on <${header}>` }];
            });
        },
    },
    {
        name: 'core is deterministic',
        files: inCore,
        check: (_path, text) => forbiddenInCore.flatMap(([pattern, why]) => linesThat(withoutComments(text), pattern, why)),
    },
    {
        name: 'core has no global state',
        files: inCore,
        check: (_path, text) =>
            globalState.flatMap((pattern) => linesThat(withoutComments(text), pattern, 'mutable state outside an object')),
    },
    {
        name: 'rows have fields of fixed width',
        files: (path) => path === 'core/state/rows.hpp',
        check: (_path, text) =>
            linesThat(
                withoutComments(text),
                /^\s+(?:std::)?(?:size_t|ptrdiff_t|time_t|unsigned|long|int|short|float)\b[\w ]*\s\w+(?:\s*=.*|\{.*\})?;/,
                'the width of this type differs between platforms',
            ),
    },
    {
        name: 'includes name the whole path from the root',
        files: isCpp,
        check(path, text) {
            const allowed = mayInclude[path.split('/')[0]] ?? [];
            return includesOf(text).flatMap(({ quoted, header, line }) =>
                !quoted || generatedHeaders.includes(header) || allowed.includes(header.split('/')[0])
                    ? []
                    : [{ line, text: `${path.split('/')[0]}/ may not include "${header}"` }],
            );
        },
    },
    {
        name: 'headers are included once',
        files: (path) => path.endsWith('.hpp'),
        check: (_path, text) => (/^#pragma once$/m.test(text) ? [] : [{ line: 1, text: '#pragma once is missing' }]),
    },
    {
        name: 'names of files',
        files: (path) => /^(?:core|native-server|tools|tests|wasm)\/.*\.(?:hpp|cpp|mjs|sh)$/.test(path),
        check: (path) =>
            /^[a-z][a-z0-9_]*(?:\.test)?\.\w+$/.test(path.split('/').at(-1))
                ? []
                : [{ line: 1, text: 'files are named in snake_case' }],
    },
    {
        name: 'nothing is left to do',
        files: isOurs,
        check: (_path, text) =>
            linesThat(
                text,
                // In pieces, so that this line is not a finding.
                new RegExp(`\\b(?:TO${''}DO|FIX${''}ME|XX${''}X|HA${''}CK)\\b|not (?:yet )?implem${''}ented|unimplem${''}ented`),
                'finish it or open an issue',
            ),
    },
    {
        name: 'no paths of one machine, no registry hosts',
        files: (path) => isOurs(path) || path.endsWith('package-lock.json'),
        check: (_path, text) =>
            linesThat(
                text,
                /(?:^|[\s"'`(=:])\/(?:home|root|work|farm|Users)\/\w|registry\.npmjs\b|\bdeb\.debian\b|\/tmp\/(?:brief|build|bash)/,
                'this is not there on another machine',
            ),
    },
    {
        name: 'white space',
        files: (path) => isOurs(path) && !path.endsWith('.md'),
        check: (_path, text) => [
            ...linesThat(text, /[ \t]+$/, 'white space at the end of the line'),
            ...(text === '' || text.endsWith('\n') ? [] : [{ line: text.split('\n').length, text: 'no newline at the end' }]),
        ],
    },
    {
        name: 'arithmetic is the same everywhere',
        files: (path) => /CMakeLists\.txt$|\.cmake$|CMakePresets\.json$/.test(path),
        check: (_path, text) => linesThat(text.replace(/#.*/g, ''), /-ffast-math|-Ofast|-DNDEBUG/, 'changes results or drops assertions'),
    },
];

// checkTree(FILES): findings over a map from path to text, as {path, line, text}.
export function checkTree(files) {
    const findings = [];
    for (const [path, text] of files) {
        for (const rule of rules.filter((rule) => rule.files(path))) {
            findings.push(...rule.check(path, text).map((finding) => ({ path, ...finding })));
        }
        if (/^core\/.*\.cpp$/.test(path) && !(path in untested) && !files.has(testOf(path))) {
            findings.push({ path, line: 1, text: `has no test; expected ${testOf(path)}` });
        }
        for (const { quoted, header, line } of isCpp(path) ? includesOf(text) : []) {
            if (quoted && !files.has(header) && !generatedHeaders.includes(header)) {
                findings.push({ path, line, text: `"${header}" does not exist` });
            }
        }
    }
    for (const path of Object.keys(untested)) {
        if (!files.has(path)) findings.push({ path, line: 1, text: 'is excused from a test but does not exist' });
    }
    return [...findings, ...circles(files), ...logNames(files)];
}

const testOf = (path) => `tests/${path.replace(/\.cpp$/, '_test.cpp')}`;

// Where an event or a line of the log gets its name: ctx.event(…), audit(…), ctx.log(…), log_.write(…).
const namedLines = [
    /\bctx\.event\(\s*[^,";]+,\s*(?:[^,";]*\?\s*)?"([a-z_]+)"(?:\s*:\s*"([a-z_]+)")?/g,
    /\baudit(?:_in)?\(\s*call,\s*(?:[^,";]+,\s*)?"([a-z_]+)"/g,
    /\b(?:ctx\.log|log_?\.write)\(\s*(?:[^,";]*\?\s*)?"([a-z_]+)"(?:\s*:\s*"([a-z_]+)")?/g,
];
const logCatalogue = 'core/state/log_catalogue.cpp';

// logNames(FILES): names that the log's catalogue does not have, and those in it that nobody uses.
function logNames(files) {
    const known = new Map(); // name → line in the catalogue
    for (const [i, line] of (files.get(logCatalogue) ?? '').split('\n').entries()) {
        const name = /LogKind\{"([a-z_]+)"/.exec(line)?.[1];
        if (name) known.set(name, i + 1);
    }
    if (known.size === 0) return [];
    const findings = [];
    const literals = new Set();
    for (const [path, text] of files) {
        if (path === logCatalogue || !isCpp(path) || !/^(?:core|native-server)\//.test(path)) continue;
        for (const [, literal] of text.matchAll(/"([a-z_]+)"/g)) literals.add(literal);
        for (const match of namedLines.flatMap((pattern) => [...text.matchAll(pattern)])) {
            for (const name of match.slice(1).filter((one) => one !== undefined && !known.has(one))) {
                const line = text.slice(0, match.index).split('\n').length;
                findings.push({ path, line, text: `"${name}" is not in the log's catalogue, ${logCatalogue}` });
            }
        }
    }
    for (const [name, line] of known) {
        if (!literals.has(name)) findings.push({ path: logCatalogue, line, text: `nothing is called "${name}"` });
    }
    return findings;
}

// circles(FILES): modules of core/ that include each other, directly or through others.
function circles(files) {
    const edges = new Map(); // module → module → an example "path:line"
    for (const [path, text] of files) {
        if (!inCore(path)) continue;
        for (const { quoted, header, line } of includesOf(text)) {
            const [from, to] = [moduleOf(path), moduleOf(header)];
            if (!quoted || !header.startsWith('core/') || from === to) continue;
            if (!edges.has(from)) edges.set(from, new Map());
            if (!edges.get(from).has(to)) edges.get(from).set(to, { path, line });
        }
    }
    const reaches = (from, target, seen = new Set()) =>
        [...(edges.get(from)?.keys() ?? [])].some(
            (next) => next === target || (!seen.has(next) && reaches(next, target, seen.add(next))),
        );
    return [...edges].flatMap(([from, targets]) =>
        [...targets]
            .filter(([to]) => layerOf(from) === layerOf(to) && reaches(to, from))
            .map(([to, where]) => ({ ...where, text: `modules ${from} and ${to} include each other` })),
    );
}

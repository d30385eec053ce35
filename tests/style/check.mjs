// Checks the tree against the rules of rules.mjs: node tests/style/check.mjs. Prints findings as path:line: text.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkTree } from './rules.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = /\.(?:hpp|cpp|mjs|js|ts|tsx|sh|md|json|cmake|txt|html|css|toml|sql|yml|in)$|^\.(?:clang|editor|git)|\.ci\/run$/;

// What git knows or would add; everything but build trees and modules where there is no git, as in an unpacked archive.
function paths() {
    try {
        const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
            cwd: root,
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
        });
        return listed.split('\0').filter(Boolean);
    } catch {
        return walk(root);
    }
}

function walk(directory) {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
        if (['.git', 'build', 'node_modules'].includes(entry.name)) return [];
        const path = join(directory, entry.name);
        return entry.isDirectory() ? walk(path) : [relative(root, path)];
    });
}

const isFile = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.isFile() ?? false;
const files = new Map(
    paths()
        .filter((path) => text.test(path) && isFile(path))
        .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);

const findings = checkTree(files);
for (const { path, line, text } of findings) console.log(`${path}:${line}: ${text}`);
console.log(`${files.size} files, ${findings.length} findings`);
process.exitCode = findings.length > 0 || files.size === 0 ? 1 : 0;
